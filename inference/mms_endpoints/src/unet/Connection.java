package unet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Watches the requests and answers of one connection, next to its HTTP codec. It is busy from the
 * end of a request's head until the last byte of the answer went to the kernel.
 *
 * <p>All but {@link #giveUp} runs in the connection's event loop, so nothing needs a lock.
 */
final class Connection extends ChannelDuplexHandler {

    private static final String ENDING =
            "server is shutting down; send the request again, to another one";
    private static final String FULL =
            "server holds as many large requests as its memory allows; send the request again later";

    private final Drain drain;
    private final Bodies bodies;
    private ChannelHandlerContext context;
    private static final String LOAD = "POST /models";
    private static final int LOAD_BYTES = 64 * 1024; // of a request to load a model, at most

    private final Deque<String> asked = new ArrayDeque<>(); // the requests without an answer
    private long held; // bytes of the bodies of requests under way
    private ByteBuf load = Unpooled.EMPTY_BUFFER; // the body of a request to load a model
    private boolean receiving; // the head of a request has come, its end has not
    private boolean refusing; // the request that is arriving was answered before it was read
    private boolean closing; // after the answer that was given
    private int unsent; // requests whose answer is not yet with the kernel

    Connection(Drain drain, Bodies bodies) {
        this.drain = drain;
        this.bodies = bodies;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        context = ctx;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        if (message instanceof HttpRequest) {
            begin((HttpRequest) message);
        }
        if (message instanceof HttpContent && loads(asked.peekLast())) {
            keep(((HttpContent) message).content());
        }
        boolean last = message instanceof LastHttpContent;
        if (refusing) {
            ReferenceCountUtil.release(message);
        } else {
            ctx.fireChannelRead(message);
        }
        if (last) {
            receiving = false;
            settle();
        }
    }

    private void begin(HttpRequest request) {
        receiving = true;
        asked.add(request.method() + " " + request.uri());
        unsent++;
        drain.setBusy(this);
        closing = closing || !HttpUtil.isKeepAlive(request);
        boolean full = !take(request);
        refusing = full || drain.hasBegun();
        if (refusing) {
            refuse(full ? FULL : ENDING);
        }
    }

    private static boolean loads(String request) {
        return Server.MULTI_MODEL && request != null && request.split("\\?")[0].equals(LOAD);
    }

    private void keep(ByteBuf part) {
        if (load.readableBytes() + part.readableBytes() <= LOAD_BYTES) {
            load = Unpooled.copiedBuffer(load, part);
        }
    }

    private boolean take(HttpRequest request) {
        boolean valid = request.decoderResult().isSuccess();
        long length = valid ? HttpUtil.getContentLength(request, 0L) : 0;
        boolean room = bodies.take(length);
        held += room ? length : 0;
        return room;
    }

    private void refuse(String reason) {
        closing = true;
        context.channel()
                .writeAndFlush(
                        Answers.error(
                                HttpResponseStatus.SERVICE_UNAVAILABLE,
                                "ServiceUnavailableException",
                                reason));
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
        if (!(message instanceof FullHttpResponse)
                || ((HttpResponse) message).status().codeClass() == HttpStatusClass.INFORMATIONAL) {
            ctx.write(message, promise);
            return;
        }
        String request = asked.remove();
        if (asked.isEmpty()) {
            giveBodiesBack(); // before the answer: who has it may send the next body at once
        }
        FullHttpResponse response = Answers.complete((FullHttpResponse) message);
        if (loads(request)) {
            String uri = request.substring(request.indexOf('/'));
            response = LoadErrors.explain(uri, load, response);
            load = Unpooled.EMPTY_BUFFER;
        }
        RequestLog.write(request, response);
        closing = closing || drain.hasBegun() || !HttpUtil.isKeepAlive(response);
        HttpUtil.setKeepAlive(response, !closing);
        ctx.write(response, promise.unvoid().addListener(sent -> { unsent--; settle(); }));
    }

    /** Closing while a body arrives would reset the connection, and the answer might be lost. */
    private void settle() {
        if (receiving || unsent > 0) {
            return;
        }
        setIdle();
        if (closing) {
            context.close();
        }
    }

    private void setIdle() {
        drain.setIdle(this);
        giveBodiesBack();
    }

    private void giveBodiesBack() {
        bodies.give(held);
        held = 0;
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        setIdle();
        ctx.fireChannelInactive();
    }

    /** Answers 503 to what has not been answered, and expects no more of a half-sent body. */
    void giveUp() {
        context.executor()
                .execute(
                        () -> {
                            receiving = false;
                            refusing = true;
                            for (int left = asked.size(); left > 0; left--) {
                                refuse(ENDING);
                            }
                        });
    }
}
