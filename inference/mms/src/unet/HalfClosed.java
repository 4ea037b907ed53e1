package unet;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * A client that sends no more while it should wait for an answer. Who closes only the sending side,
 * and who closes all, look alike until something is sent to them: who has gone resets the
 * connection then; others pass over an interim answer (RFC 9110, section 15.2).
 */
final class HalfClosed {

    private static final int TCP_CLOSE = 7; // linux/tcp_states.h
    private static final long POLL_MILLISECONDS = 100;

    private HalfClosed() {}

    /** Closes the connection of one that has gone, while it is {@code awaited}. */
    static void ask(ChannelHandlerContext context, BooleanSupplier awaited) {
        sendContinue(context);
        watch(context, awaited);
    }

    static void sendContinue(ChannelHandlerContext context) {
        HttpVersion version = HttpVersion.HTTP_1_1;
        context.writeAndFlush(new DefaultFullHttpResponse(version, HttpResponseStatus.CONTINUE));
    }

    /** Netty, which knows the end of what the client sends, looks for no more. */
    private static void watch(ChannelHandlerContext context, BooleanSupplier awaited) {
        Runnable look =
                () -> {
                    if (awaited.getAsBoolean() && isReset(context.channel())) {
                        context.close();
                    } else if (awaited.getAsBoolean()) {
                        watch(context, awaited);
                    }
                };
        context.executor().schedule(look, POLL_MILLISECONDS, TimeUnit.MILLISECONDS);
    }

    private static boolean isReset(Channel channel) {
        return channel instanceof EpollSocketChannel
                && channel.isOpen()
                && ((EpollSocketChannel) channel).tcpInfo().state() == TCP_CLOSE;
    }
}
