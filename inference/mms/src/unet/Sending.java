package unet;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.FullHttpResponse;

/**
 * Hands the answers of one connection to the kernel, in parts, so that it is seen how fast the
 * client takes them: one that takes nothing for a while is given up, and so is a slow one where
 * memory is short.
 */
final class Sending {

    private static final int PART = 64 * 1024; // bytes

    private final ChannelHandlerContext context;
    private final Memory memory;
    private final Limits limits;
    private final Patience patience;
    private Memory.Part part;

    Sending(ChannelHandlerContext context, Memory memory, Limits limits) {
        this.context = context;
        this.memory = memory;
        this.limits = limits;
        patience = new Patience(context.executor());
        part = memory.part(() -> {});
    }

    /** Takes the memory of an answer. @return whether there was room */
    boolean reserve(FullHttpResponse answer) {
        part = memory.part(() -> context.executor().execute(context::close));
        return part.take(answer.content().readableBytes());
    }

    /** Writes an answer, and calls {@code done} when it is with the kernel, or lost. */
    void send(FullHttpResponse answer, Runnable done) {
        patience.expect(limits.idle(), context::close);
        ChannelFutureListener last =
                sent -> {
                    stop();
                    done.run();
                };
        if (answer.content().readableBytes() <= PART) {
            context.write(answer).addListener(last);
        } else {
            sendInParts(answer, last);
        }
        context.flush();
    }

    private void sendInParts(FullHttpResponse answer, ChannelFutureListener last) {
        ByteBuf content = answer.content();
        context.write(
                new DefaultHttpResponse(
                        answer.protocolVersion(), answer.status(), answer.headers()));
        while (content.readableBytes() > PART) {
            context.write(new DefaultHttpContent(content.readRetainedSlice(PART)))
                    .addListener(sent -> partSent(sent.isSuccess()));
        }
        ByteBuf rest = content.readRetainedSlice(content.readableBytes());
        answer.release();
        context.write(new DefaultLastHttpContent(rest)).addListener(last);
    }

    private void partSent(boolean success) {
        if (success) {
            patience.renew();
            part.moved(PART);
        }
    }

    /** Expects nothing any more, and gives the memory back. */
    void stop() {
        patience.stop();
        part.release();
    }
}
