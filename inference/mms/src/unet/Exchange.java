package unet;

import com.google.gson.JsonObject;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * Follows the requests and answers of one connection, next to its HTTP codec: it collects the
 * request, hands it to Multi Model Server (MMS) as a whole, and sees to the answer, its own or
 * MMS's. {@link Framing} lets one request through at a time. The connection is busy from the end of
 * a request's head until the last byte of the answer went to the kernel.
 *
 * <p>All but {@link #giveUp} runs in the connection's event loop, so nothing needs a lock.
 */
final class Exchange extends ChannelDuplexHandler implements Drain.Client {

    static final String NO_MEMORY_FOR_ANSWER =
            "server holds as many answers that clients do not read as its memory allows;"
                    + " send the request again later";

    private final Framing framing;
    private final Shared shared;
    private final Admission admission;

    private ChannelHandlerContext context;
    private Sending sending;
    private PendingRequest pending; // null: there is none
    private HttpRequest arriving; // its head, while its body comes and is wanted
    private Body body;
    private boolean handedOn; // MMS has the body
    private boolean answered;
    private boolean closing; // when the answer is sent
    private boolean hasty; // at once, whatever the client still sends

    Exchange(Framing framing, Shared shared, Admission admission) {
        this.framing = framing;
        this.shared = shared;
        this.admission = admission;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        context = ctx;
        sending = new Sending(ctx, shared.answers, shared.limits);
        body = noBody();
    }

    // --- a request arrives

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        try {
            if (message instanceof HttpRequest) {
                begin((HttpRequest) message);
            }
            if (message instanceof HttpContent && arriving != null) {
                add((HttpContent) message);
            }
        } catch (Refusal refusal) {
            refuse(refusal);
        } finally {
            ReferenceCountUtil.release(message);
        }
    }

    private void begin(HttpRequest head) throws Refusal {
        pending = new PendingRequest(head);
        shared.drain.setBusy(this);
        closing = closing || !HttpUtil.isKeepAlive(head);
        admission.check(pending, head);
        arriving = head;
        body = bodyOf(head);
        boolean waits = HttpUtil.is100ContinueExpected(head);
        if (waits && head.method().equals(HttpMethod.POST)) {
            HttpResponseStatus status = HttpResponseStatus.CONTINUE;
            context.writeAndFlush(new DefaultFullHttpResponse(head.protocolVersion(), status));
        }
    }

    private Body bodyOf(HttpRequest head) {
        int largest = shared.limits.largestBody(pending.route());
        int expected = (int) HttpUtil.getContentLength(head, (long) largest);
        return new Body(shared.bodies.part(this::loseBody), largest, expected);
    }

    private Body noBody() {
        return new Body(shared.bodies.part(() -> {}), 0, 0);
    }

    /** Others need the memory: from any thread. */
    private void loseBody() {
        PendingRequest loser = pending;
        context.executor()
                .execute(
                        () -> {
                            if (pending == loser && arriving != null) {
                                refuse(Refusal.unavailable(Body.NO_MEMORY));
                            }
                        });
    }

    private void add(HttpContent part) throws Refusal {
        if (!part.decoderResult().isSuccess()) {
            throw Refusal.badRequest("body is malformed; send it as its headers announce it");
        }
        body.add(part.content());
        if (part instanceof LastHttpContent) {
            handOn();
        }
    }

    private void handOn() throws Refusal {
        FullHttpRequest request = whole(arriving, body.complete());
        arriving = null;
        handedOn = true;
        context.fireChannelRead(request);
    }

    /** The request as MMS is to see it. */
    private FullHttpRequest whole(HttpRequest head, ByteBuf content) throws Refusal {
        Optional<JsonObject> model = Optional.empty();
        if (pending.loadsModel()) {
            model = Optional.of(modelOf(head, content));
            pending.setModelName(ModelRequests.nameOf(model.get()));
        }
        byte[] json = model.map(Object::toString).orElse("").getBytes(StandardCharsets.UTF_8);
        FullHttpRequest request =
                new DefaultFullHttpRequest(
                        head.protocolVersion(),
                        head.method(),
                        head.uri(),
                        model.isPresent() ? Unpooled.wrappedBuffer(json) : content,
                        head.headers(),
                        LastHttpContent.EMPTY_LAST_CONTENT.trailingHeaders());
        Rewriting.apply(request, pending.target(), pending.route());
        if (model.isPresent()) {
            request.setUri(pending.target().path());
            request.headers().set(HttpHeaderNames.CONTENT_TYPE, HttpHeaderValues.APPLICATION_JSON);
        }
        HttpUtil.setTransferEncodingChunked(request, false);
        HttpUtil.setContentLength(request, request.content().readableBytes());
        return request;
    }

    private JsonObject modelOf(HttpRequest head, ByteBuf content) throws Refusal {
        CharSequence type = HttpUtil.getMimeType(head);
        boolean json =
                type != null && HttpHeaderValues.APPLICATION_JSON.contentEqualsIgnoreCase(type);
        return shared.models.read(
                pending.target().query(),
                json ? Optional.of(content.toString(StandardCharsets.UTF_8)) : Optional.empty());
    }

    // --- a request is refused

    /** {@link Framing} could not read the request. */
    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (!(event instanceof Refusal)) {
            ctx.fireUserEventTriggered(event);
        } else if (!answered) {
            refuse((Refusal) event);
        }
    }

    private void refuse(Refusal refusal) {
        if (pending == null) {
            pending = PendingRequest.unread(framing.requestLine());
            shared.drain.setBusy(this);
        }
        closing = true;
        answer(Answers.refusal(refusal));
    }

    /** Answers 503 to what has not been answered, and expects no more of a half-sent body. */
    @Override
    public void giveUp() {
        context.executor().execute(this::refuseAll);
    }

    private void refuseAll() {
        hasty = true;
        if (pending == null) {
            context.close();
        } else if (!answered) {
            refuse(Refusal.unavailable(Admission.DRAINING));
        }
    }

    // --- a request is answered

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
        if (!isAnswer(message)) {
            ctx.write(message, promise);
            return;
        }
        // MMS closes the connection of an error when the promise is kept; when to is known here
        ctx.channel().closeFuture().addListener(closed -> promise.trySuccess());
        if (pending == null || answered) {
            ReferenceCountUtil.release(message); // it was given up, or refused
        } else {
            answer((FullHttpResponse) message);
        }
    }

    /** Whether it answers a request; "100 Continue" does not. */
    private static boolean isAnswer(Object message) {
        return message instanceof FullHttpResponse
                && ((FullHttpResponse) message).status().codeClass()
                        != HttpStatusClass.INFORMATIONAL;
    }

    private void answer(FullHttpResponse response) {
        answered = true;
        arriving = null;
        // first of all: a client that has the answer may send the next body at once
        body.release();
        body = noBody();
        handedOn = false;
        FullHttpResponse answer = withMemory(shared.reasons.explain(pending, response));
        ErrorDetails.addTo(answer);
        shared.log.write(pending, answer);
        closing = closing || shared.drain.hasBegun() || !HttpUtil.isKeepAlive(answer);
        HttpUtil.setKeepAlive(answer, !closing);
        sending.send(answer, this::answerSent);
    }

    private FullHttpResponse withMemory(FullHttpResponse answer) {
        if (sending.reserve(answer)) {
            return answer;
        }
        Refusal refusal = Refusal.unavailable(NO_MEMORY_FOR_ANSWER);
        return Answers.replace(answer, Answers.refusal(refusal));
    }

    private void answerSent() {
        pending = null;
        answered = false;
        if (hasty) {
            context.close();
        } else if (closing) {
            framing.close();
        } else {
            shared.drain.setIdle(this);
            framing.next();
        }
    }

    // --- the connection ends

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        if (handedOn) {
            body.leaveToMms();
        } else {
            body.release();
        }
        arriving = null;
        sending.stop();
        shared.drain.setIdle(this);
        ctx.fireChannelInactive();
    }

    /** A client that goes away is no fault of the server. */
    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (cause instanceof IOException) {
            ctx.close();
        } else {
            ctx.fireExceptionCaught(cause);
        }
    }
}
