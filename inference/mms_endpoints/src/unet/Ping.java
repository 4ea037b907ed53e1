package unet;

import com.amazonaws.ml.mms.wlm.ModelManager;
import com.amazonaws.ml.mms.wlm.WorkerState;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import software.amazon.ai.mms.servingsdk.Context;
import software.amazon.ai.mms.servingsdk.ModelServerEndpoint;
import software.amazon.ai.mms.servingsdk.annotations.Endpoint;
import software.amazon.ai.mms.servingsdk.annotations.helpers.EndpointTypes;
import software.amazon.ai.mms.servingsdk.http.Request;
import software.amazon.ai.mms.servingsdk.http.Response;

/**
 * GET /ping: 200 only when a request would be served now. MMS's own answers 200 always.
 *
 * <p>While the server drains, {@link Connection} answers 503 before this is asked.
 */
@Endpoint(
        urlPattern = "ping",
        endpointType = EndpointTypes.INFERENCE,
        description = "Whether a request would be served now")
public final class Ping extends ModelServerEndpoint {

    @Override
    public void doGet(Request request, Response response, Context context) throws IOException {
        String body = "{\"status\": \"Healthy\"}\n";
        if (!healthy()) {
            HttpResponseStatus status = HttpResponseStatus.SERVICE_UNAVAILABLE;
            response.setStatus(status.code());
            body = Answers.json(status, "ServiceUnavailableException", "no worker has the model loaded");
        }
        response.setContentType("application/json");
        response.getOutputStream().write(body.getBytes(StandardCharsets.UTF_8));
    }

    /** Models that SageMaker loads later, in multi-model mode, are none of ping's business. */
    private static boolean healthy() {
        Set<String> models = ModelManager.getInstance().getStartupModels();
        return Server.MULTI_MODEL || !models.isEmpty() && models.stream().allMatch(Ping::loaded);
    }

    /** MMS calls a worker running, and its model READY, as soon as its process is started. */
    private static boolean loaded(String model) {
        return ModelManager.getInstance().getWorkers(model).stream()
                .anyMatch(worker -> worker.getState() == WorkerState.WORKER_MODEL_LOADED);
    }
}
