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
        refusal.ifPresent(this::refuse);
    }

    /** The request may have been answered before its end, and be pending no more. */
    private void keepWhatReasonsNeed(HttpContent part) {
        PendingRequest request = unanswered.peekLast();
        if (request != null && reasons.concern(request)) {
            request.keep(part.content());
        }
    }

    private void refuse(String reason) {
        closing = true;
        HttpResponseStatus status = HttpResponseStatus.SERVICE_UNAVAILABLE;
        context.channel()
                .writeAndFlush(Answers.error(status, "ServiceUnavailableException", reason));
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
        if (isAnswer(message)) {
            FullHttpResponse response = finish((FullHttpResponse) message);
            ctx.write(response, promise.unvoid().addListener(sent -> answerSent()));
        } else {
            ctx.write(message, promise);
        }
    }

    /** Whether it answers a request; "100 Continue" does not. */
    private static boolean isAnswer(Object message) {
        return message instanceof FullHttpResponse
                && ((FullHttpResponse) message).status().codeClass()
                        != HttpStatusClass.INFORMATIONAL;
    }

    /** Makes of MMS's answer to the oldest request what the client gets. */
    private FullHttpResponse finish(FullHttpResponse response) {
        PendingRequest request = unanswered.remove();
        if (unanswered.isEmpty()) {
            // first of all: a client that has the answer may send the next body at once
            admission.release();
        }
        FullHttpResponse answer = reasons.explain(request, details.addTo(response));
        log.write(request, answer);
        closing = closing || drain.hasBegun() || !HttpUtil.isKeepAlive(answer);
        HttpUtil.setKeepAlive(answer, !closing);
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
        for (int left = unanswered.size(); left > 0; left--) {
            refuse(Admission.DRAINING);
        }
    }
}
