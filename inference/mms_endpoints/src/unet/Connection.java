package unet;

import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;

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
    private long held; // bytes of the bodies of requests under way
    private boolean receiving; // the head of a request has come, its end has not
    private boolean refusing; // the request that is arriving was answered before it was read
    private boolean closing; // after the answer that was given
    private int unanswered; // requests whose answer has not begun
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
        unanswered++;
        unsent++;
        drain.setBusy(this);
        closing = closing || !HttpUtil.isKeepAlive(request);
        boolean full = !take(request);
        refusing = full || drain.hasBegun();
        if (refusing) {
            refuse(full ? FULL : ENDING);
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
        FullHttpResponse response = Answers.complete((FullHttpResponse) message);
        unanswered--;
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
                            for (int left = unanswered; left > 0; left--) {
                                refuse(ENDING);
                            }
                        });
    }
}
