package unet;

import com.amazonaws.ml.mms.util.messages.BaseModelRequest;
import com.amazonaws.ml.mms.util.messages.ModelInferenceRequest;
import com.amazonaws.ml.mms.util.messages.ModelWorkerResponse;
import com.amazonaws.ml.mms.util.messages.Predictions;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Follows the requests that one worker is sent, one at a time, and its answers: what nobody waits
 * for is not sent, and a worker that takes too long for one is killed. Multi Model Server (MMS) then
 * starts another one; by itself it would do so while the old one computes on, and would not let a
 * model load for longer than requests may take.
 */
final class WorkerWatch extends ChannelDuplexHandler {

    private static final Pattern PROCESS = Pattern.compile("\\[PID]:([0-9]+)");
    private static final Duration LOADING = Duration.ofMinutes(1); // after which it is told

    private final Waiting waiting;
    private final Pipes pipes;
    private final Duration limit;
    private Patience patience;
    private long process; // of the worker; 0: it is not known yet
    private long begin; // of loading, as System.nanoTime gives it
    private String computed; // the id of the request that the worker computes; null: none

    /** @param limit how long a worker may compute */
    WorkerWatch(Waiting waiting, Pipes pipes, Duration limit) {
        this.waiting = waiting;
        this.pipes = pipes;
        this.limit = limit;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        patience = new Patience(ctx.executor());
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
        if (!(message instanceof ModelInferenceRequest)) {
            begin = System.nanoTime();
            patience.expect(LOADING, () -> tellOfLoading(message));
            ctx.write(message, promise);
            return;
        }
        String id = ((ModelInferenceRequest) message).getRequestBatch().get(0).getRequestId();
        if (waiting.begin(id)) {
            computed = id;
            patience.expect(limit, this::kill);
            ctx.write(message, promise);
        } else {
            promise.setSuccess();
            ctx.fireChannelRead(nothing(id));
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        end();
        Matcher loaded = PROCESS.matcher(((ModelWorkerResponse) message).getMessage());
        if (loaded.find()) {
            process = Long.parseLong(loaded.group(1));
        }
        ctx.fireChannelRead(message);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        end();
        pipes.end(ctx.channel());
        ctx.fireChannelInactive();
    }

    private void end() {
        patience.stop();
        if (computed != null) {
            waiting.end(computed);
            computed = null;
        }
    }

    private void tellOfLoading(Object request) {
        long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begin);
        String name = ((BaseModelRequest) request).getModelName();
        System.out.printf("Model %s is still loading, after %d s.%n", name, seconds);
        patience.expect(LOADING, () -> tellOfLoading(request));
    }

    private void kill() {
        waiting.setOverdue(computed, limit);
        ProcessHandle.of(process).ifPresent(ProcessHandle::destroyForcibly);
    }

    /** What MMS takes for the answer of the worker; it goes to a connection that is closed. */
    private static ModelWorkerResponse nothing(String id) {
        Predictions answer = new Predictions();
        answer.setRequestId(id);
        answer.setContentType("");
        answer.setStatusCode(Waiting.GONE);
        answer.setReasonPhrase("");
        answer.setHeaders(Map.of());
        answer.setResp(new byte[0]);
        ModelWorkerResponse response = new ModelWorkerResponse();
        response.setCode(200);
        response.setMessage("");
        response.setPredictions(List.of(answer));
        return response;
    }
}
