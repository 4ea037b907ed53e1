package unet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.ByteToMessageDecoder;
import java.util.concurrent.TimeUnit;

/**
 * Reads the answers of one worker, each as a whole, when there is memory for it: until then the
 * worker waits. Multi Model Server (MMS) would read them all at once; and it takes an answer whose
 * headers come in two parts for malformed, and ends the worker.
 */
final class AnswerGate extends ChannelInboundHandlerAdapter {

    private static final int COPIES = 2; // MMS copies it, before it copies it out of the heap
    private static final long RETRY_MILLISECONDS = 20;
    private static final long COPYING_MILLISECONDS = 100;

    private final Memory memory;

    private ByteBuf held = Unpooled.EMPTY_BUFFER; // what has come, and is in no answer yet
    private Memory.Part part;
    private byte[] answer; // null: its length is not known, or there is no memory for it
    private int filled;

    AnswerGate(Memory memory) {
        this.memory = memory;
        part = memory.part(() -> {});
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        held = ByteToMessageDecoder.MERGE_CUMULATOR.cumulate(ctx.alloc(), held, (ByteBuf) message);
        process(ctx);
    }

    private void process(ChannelHandlerContext ctx) {
        while (held.isReadable() && (answer != null || begin(ctx))) {
            int more = Math.min(held.readableBytes(), answer.length - filled);
            held.readBytes(answer, filled, more);
            filled += more;
            if (filled == answer.length) {
                handOn(ctx);
            }
        }
        if (!held.isReadable()) {
            dropHeld();
        }
    }

    /** Takes the memory of the next answer. */
    private boolean begin(ChannelHandlerContext ctx) {
        long length = AnswerFrame.lengthOf(held);
        if (length == AnswerFrame.UNKNOWN) {
            return false;
        }
        boolean room = part.take(COPIES * length);
        ctx.channel().config().setAutoRead(room);
        if (!room) {
            ctx.executor().schedule(() -> retry(ctx), RETRY_MILLISECONDS, TimeUnit.MILLISECONDS);
            return false;
        }
        part.settle(COPIES * length); // a worker is never too slow
        answer = new byte[Math.toIntExact(length)];
        filled = 0;
        return true;
    }

    private void retry(ChannelHandlerContext ctx) {
        if (ctx.channel().isActive()) {
            process(ctx);
        }
    }

    private void handOn(ChannelHandlerContext ctx) {
        ByteBuf whole = Unpooled.wrappedBuffer(answer);
        answer = null;
        Memory.Part copied = part;
        part = memory.part(() -> {});
        ctx.executor().schedule(copied::release, COPYING_MILLISECONDS, TimeUnit.MILLISECONDS);
        ctx.fireChannelRead(whole);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        part.release();
        answer = null;
        dropHeld();
        ctx.fireChannelInactive();
    }

    private void dropHeld() {
        held.release();
        held = Unpooled.EMPTY_BUFFER;
    }
}
