package unet;

import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;

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
    private HandOver handOver;
    private PendingRequest pending; // null: there is none
    private HttpRequest arriving; // its head, while its body comes and is wanted
    private Body body;
    private String id; // by which MMS knows the request; null: it is answered, or MMS has none
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
        handOver = new HandOver(shared, ctx.executor(), this::handToMms);
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
            HalfClosed.sendContinue(context);
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
        HttpRequest head = arriving;
        if (Origins.isPreflight(head)) {
            answer(Origins.preflightAnswer(head, pending.route()));
        } else if (pending.route() == Route.DOCUMENT) {
            answer(shared.documents.answer(pending.target().path(), head));
        } else if (pending.route() == Route.PROGRESS) {
            answer(shared.progress.answer(pending.target().segments().get(1)));
        } else {
            FullHttpRequest request =
                    Rewriting.whole(head, body.complete(), pending, shared.models);
            arriving = null;
            handOver.begin(pending, request);
        }
    }

    private void handToMms(FullHttpRequest request) {
        handedOn = true;
        context.fireChannelRead(request);
        id = shared.waiting.idOf(context.channel());
    }

    // --- a request is refused

    /** {@link Framing} could not read the request. */
    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof Framing.Ended) {
            askWhetherClientHasGone();
        } else if (!(event instanceof Refusal)) {
            ctx.fireUserEventTriggered(event);
        } else if (!answered) {
            refuse((Refusal) event);
        }
    }

    private void askWhetherClientHasGone() {
        PendingRequest asked = pending;
        if (handedOn && asked.takesInterimAnswers()) {
            HalfClosed.ask(context, () -> handedOn && pending == asked);
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
        handOver.end();
        handedOn = false;
        shared.changes.end(pending, response.status());
        FullHttpResponse known = shared.waiting.explain(id, response);
        id = null;
        FullHttpResponse explained = shared.reasons.explain(pending, known);
        FullHttpResponse whole = MmsErrors.complete(explained, admission.management());
        FullHttpResponse answer = withMemory(whole);
        ErrorDetails.addTo(answer);
        shared.origins.addTo(answer, pending.origin());
        shared.log.write(pending, answer);
        shared.progress.forget(pending.inferenceId());
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
        if (handOver.hasBegun()) {
            dropRequest();
        }
        handOver.end();
        handedOn = false;
        arriving = null;
        sending.stop();
        shared.drain.setIdle(this);
        ctx.fireChannelInactive();
    }

    /** Nobody waits for what MMS was handed, or would have been. */
    private void dropRequest() {
        shared.changes.leave(pending);
        if (id != null && pending.route() == Route.INVOKE && shared.waiting.leave(id)) {
            shared.log.writeGone(pending, id);
        }
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
