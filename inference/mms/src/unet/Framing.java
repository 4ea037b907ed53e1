package unet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.ChannelInputShutdownReadComplete;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.ByteToMessageDecoder;

/**
 * Finds out where requests begin and end among the bytes of one connection, in front of its HTTP
 * codec, and hands on one request at a time: what follows waits until {@link #next}, and meanwhile
 * no more is read than one buffer. Answers are therefore in order, whoever makes them.
 *
 * <p>What is malformed, ambiguous or late goes on as an event, a {@link Refusal}; nothing follows
 * it. All but {@link #dismiss} and what it asks runs in the connection's event loop.
 */
final class Framing extends ChannelDuplexHandler implements Connections.Connection {

    static final String TOO_MANY =
            "server has as many connections as it can; send the request again later";

    /** The event that the client, whose request is complete, sends no more: or has it gone? */
    enum Ended {
        SENDS_NO_MORE
    }

    private final Connections connections;
    private final Limits limits;
    private final RequestBytes request = new RequestBytes();

    private ChannelHandlerContext context;
    private Patience patience;
    private ByteBuf held = Unpooled.EMPTY_BUFFER; // what has come, and is not handed on
    private boolean processing;
    private boolean broken; // what comes is no request any more
    private boolean ended; // the client sends no more
    private boolean closing; // as soon as what came is processed
    private boolean lingering; // the last answer is sent: only the client's end is awaited
    private volatile Connections.Waiting waiting = Connections.Waiting.NOT;
    private volatile long waitingSince = System.nanoTime();

    Framing(Connections connections, Limits limits) {
        this.connections = connections;
        this.limits = limits;
    }

    // --- what the connection does

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        context = ctx;
        patience = new Patience(ctx.executor());
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        ctx.fireChannelActive();
        awaitRequest();
        if (!connections.admit(this)) {
            fail(Refusal.unavailable(TOO_MANY));
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf bytes = (ByteBuf) message;
        held = ByteToMessageDecoder.MERGE_CUMULATOR.cumulate(ctx.alloc(), held, bytes);
        process();
    }

    /** The codec asks for more where it was handed nothing. */
    @Override
    public void read(ChannelHandlerContext ctx) {
        if (!holds()) {
            ctx.read();
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof ChannelInputShutdownEvent) {
            ended = true;
            endInput();
        } else if (!(event instanceof ChannelInputShutdownReadComplete)) {
            ctx.fireUserEventTriggered(event);
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        connections.remove(this);
        waiting = Connections.Waiting.NOT;
        broken = true;
        patience.stop();
        dropHeld();
        ctx.fireChannelInactive();
    }

    // --- what the exchange of requests and answers asks for

    /** The line that the last request began with, or what has come of it. */
    String requestLine() {
        return request.firstLine();
    }

    /** The last request is answered: goes on with the next one. */
    void next() {
        awaitRequest();
        process();
    }

    /**
     * The last answer is sent: ends the connection. While the client still sends that would reset
     * it, and the answer might be lost; so what comes is dropped, for a while.
     */
    void close() {
        boolean complete = !broken && request.isComplete();
        if (ended || complete && !held.isReadable()) {
            closeSoon();
            return;
        }
        lingering = true;
        broken = broken || complete; // what comes now belongs to no request that is answered
        dropHeldOfBroken();
        await(Connections.Waiting.FOR_A_REQUEST);
        patience.expect(limits.idle(), context::close);
        context.channel().config().setAutoRead(true);
        shutDownOutput();
    }

    /** The codec is not to be taken out while it hands on what came. */
    private void closeSoon() {
        closing = true;
        if (!processing) {
            context.close();
        }
    }

    private void shutDownOutput() {
        if (context.channel() instanceof DuplexChannel) {
            ((DuplexChannel) context.channel()).shutdownOutput();
        }
    }

    // --- what the server asks for, of those that wait for their clients

    @Override
    public Connections.Waiting waiting() {
        return waiting;
    }

    @Override
    public long waitingSince() {
        return waitingSince;
    }

    @Override
    public void dismiss() {
        context.executor().execute(this::endWaiting);
    }

    private void endWaiting() {
        if (waiting == Connections.Waiting.FOR_A_REQUEST) {
            context.close();
        } else if (waiting != Connections.Waiting.NOT) {
            fail(Refusal.unavailable(TOO_MANY));
        } else if (context.channel().isActive()) {
            connections.keep(this);
        }
    }

    // --- requests

    private void awaitRequest() {
        request.reset();
        await(Connections.Waiting.FOR_A_REQUEST);
        patience.expect(limits.keepAlive(), context::close);
    }

    private void await(Connections.Waiting what) {
        waiting = what;
        waitingSince = System.nanoTime();
    }

    /** An answer that is given at once calls {@link #next} from here: the loop goes on with it. */
    private void process() {
        if (processing) {
            return;
        }
        processing = true;
        try {
            while (held.isReadable() && !broken && !request.isComplete()) {
                step();
            }
        } catch (Refusal refusal) {
            fail(refusal);
        } finally {
            processing = false;
        }
        dropHeldOfBroken();
        if (closing) {
            context.close();
            return;
        }
        if (ended) {
            endInput();
        }
        context.channel().config().setAutoRead(!holds());
    }

    private boolean holds() {
        return !broken && request.isComplete() && held.isReadable();
    }

    private void step() throws Refusal {
        if (!request.hasBegun()) {
            await(Connections.Waiting.FOR_A_HEAD);
            patience.expect(limits.idle(), () -> fail(late("head")));
        }
        boolean inHead = request.isInHead();
        ByteBuf part = request.next(held);
        if (part == null) {
            return;
        }
        if (inHead) {
            await(Connections.Waiting.FOR_A_BODY);
            patience.expect(limits.idle(), () -> fail(late("body")));
        }
        handOn(part);
    }

    private void handOn(ByteBuf bytes) {
        boolean last = request.isComplete();
        if (last) {
            waiting = Connections.Waiting.NOT;
            patience.stop();
        } else if (!lingering) {
            patience.renew();
        }
        context.fireChannelRead(bytes);
        if (last && lingering) {
            closeSoon();
        }
    }

    private Refusal late(String part) {
        return Refusal.tooSlow(
                String.format(
                        "nothing came of the %s for %.0f s; send the request again, without pauses",
                        part, limits.idle().toMillis() / 1e3));
    }

    private void endInput() {
        boolean between = !broken && !request.hasBegun();
        if (lingering || between) {
            context.close();
        } else if (!broken && !request.isComplete()) {
            fail(
                    Refusal.badRequest(
                            "connection was closed before the request was complete; send all of"
                                    + " it before you close"));
        } else if (!broken) {
            context.fireUserEventTriggered(Ended.SENDS_NO_MORE);
        }
    }

    private void fail(Refusal refusal) {
        broken = true;
        waiting = Connections.Waiting.NOT;
        patience.stop();
        if (lingering) {
            context.close();
        } else {
            context.fireUserEventTriggered(refusal);
        }
        if (!processing) {
            dropHeldOfBroken();
        }
    }

    private void dropHeldOfBroken() {
        if (broken || !held.isReadable()) {
            dropHeld();
        }
    }

    private void dropHeld() {
        held.release();
        held = Unpooled.EMPTY_BUFFER;
    }
}
