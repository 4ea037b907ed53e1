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
 * first byte of a request's body until the last byte of the answer went to the kernel.
 *
 * <p>All but {@link #giveUp} runs in the connection's event loop, so nothing needs a lock.
 */
final class Connection extends ChannelDuplexHandler {

    private final Drain drain;
    private ChannelHandlerContext context;
    private boolean receiving; // the head of a request has come, its end has not
    private boolean refusing; // the request that is arriving was answered before it was read
    private boolean closing; // after the answer that was given
    private int unanswered; // requests whose answer has not begun
    private int unsent; // requests whose answer is not yet with the kernel

    Connection(Drain drain) {
        this.drain = drain;
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
        refusing = drain.hasBegun();
        if (refusing) {
            refuse();
        }
    }

    private void refuse() {
        closing = true;
        context.channel()
                .writeAndFlush(
                        Answers.error(
                                HttpResponseStatus.SERVICE_UNAVAILABLE,
                                "ServiceUnavailableException",
                                "server is shutting down; send the request again, to another one"));
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
        drain.setIdle(this);
        if (closing) {
            context.close();
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        drain.setIdle(this);
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
                                refuse();
                            }
                        });
    }
}
