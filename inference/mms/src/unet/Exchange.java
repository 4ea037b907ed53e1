package unet;

import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;

/**
 * Follows the requests and answers of one connection, next to its HTTP codec: which answer belongs
 * to which request, whether a client still waits for one, and when the connection is closed. It is
 * busy from the end of a request's head until the last byte of the answer went to the kernel.
 *
 * <p>All but {@link #giveUp} runs in the connection's event loop, so nothing needs a lock.
 */
final class Exchange extends ChannelDuplexHandler implements Drain.Client {

    private final Drain drain;
    private final Admission admission;
    private final ErrorDetails details;
    private final LoadReasons reasons;
    private final AccessLog log;

    private final Deque<PendingRequest> unanswered = new ArrayDeque<>();
    private ChannelHandlerContext context;
    private boolean receiving; // the head of a request has come, its end has not
    private boolean refusing; // the request that is arriving was answered before it was read
    private boolean closing; // when all answers are sent
    private int unsent; // requests whose answer is not yet with the kernel

    Exchange(
            Drain drain,
            Admission admission,
            ErrorDetails details,
            LoadReasons reasons,
            AccessLog log) {
        this.drain = drain;
        this.admission = admission;
        this.details = details;
        this.reasons = reasons;
        this.log = log;
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
        if (message instanceof HttpContent) {
            keepWhatReasonsNeed((HttpContent) message);
        }
        if (refusing) {
            ReferenceCountUtil.release(message);
        } else {
            ctx.fireChannelRead(message);
        }
        if (message instanceof LastHttpContent) {
            receiving = false;
            settle();
        }
    }

    private void begin(HttpRequest request) {
        receiving = true;
        unanswered.add(new PendingRequest(request));
        unsent++;
        drain.setBusy(this);
        closing = closing || !HttpUtil.isKeepAlive(request);
        Optional<String> refusal = admission.refusal(request);
        refusing = refusal.isPresent();
        if (refusing) {
            closing = true;
            unanswered.getLast().refuse(refusal.get());
            writeRefusals();
        }
    }

    /** The request may have been answered before its end, and be pending no more. */
    private void keepWhatReasonsNeed(HttpContent part) {
        PendingRequest request = unanswered.peekLast();
        if (request != null && reasons.concern(request)) {
            request.keep(part.content());
        }
    }

    /** Answers refused requests, up to the first one that MMS is to answer. */
    private void writeRefusals() {
        Optional<String> reason = refusalOfOldest();
        while (reason.isPresent()) {
            HttpResponseStatus status = HttpResponseStatus.SERVICE_UNAVAILABLE;
            writeAnswer(
                    Answers.error(status, "ServiceUnavailableException", reason.get()),
                    context.newPromise());
            context.flush();
            reason = refusalOfOldest();
        }
    }

    private Optional<String> refusalOfOldest() {
        return Optional.ofNullable(unanswered.peek()).flatMap(PendingRequest::refusal);
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
        if (isAnswer(message)) {
            writeAnswer((FullHttpResponse) message, promise);
            writeRefusals();
        } else {
            ctx.write(message, promise);
        }
    }

    private void writeAnswer(FullHttpResponse response, ChannelPromise promise) {
        FullHttpResponse answer = finish(response);
        context.write(answer, promise.unvoid().addListener(sent -> answerSent()));
    }

    /** Whether it answers a request; "100 Continue" does not. */
    private static boolean isAnswer(Object message) {
        return message instanceof FullHttpResponse
                && ((FullHttpResponse) message).status().codeClass()
                        != HttpStatusClass.INFORMATIONAL;
    }

    /** Turns MMS's answer to the oldest request into what the client gets. */
    private FullHttpResponse finish(FullHttpResponse response) {
        PendingRequest request = unanswered.remove();
        if (unanswered.isEmpty()) {
            // first of all: a client that has the answer may send the next body at once
            admission.release();
        }
        FullHttpResponse answer = reasons.explain(request, details.addTo(response));
        log.write(request, answer);
        closing = closing || drain.hasBegun() || !HttpUtil.isKeepAlive(answer);
        // a client expects no more answers after one that announces the end
        HttpUtil.setKeepAlive(answer, !closing || !unanswered.isEmpty());
        return answer;
    }

    private void answerSent() {
        unsent--;
        settle();
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
        admission.release();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        setIdle();
        ctx.fireChannelInactive();
    }

    /** Answers 503 to what has not been answered, and expects no more of a half-sent body. */
    @Override
    public void giveUp() {
        context.executor().execute(this::refuseAll);
    }

    private void refuseAll() {
        receiving = false;
        refusing = true;
        closing = true;
        unanswered.forEach(request -> request.refuse(Admission.DRAINING));
        writeRefusals();
    }
}
