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
 * <p>While the server drains, {@link Exchange} answers 503 before the request gets here.
 */
@Endpoint(
        urlPattern = "ping",
        endpointType = EndpointTypes.INFERENCE,
        description = "Whether a request would be served now")
public final class Ping extends ModelServerEndpoint {

    /** What ping needs to know of the models. */
    interface Models {

        /** The names of the models that are served from the start. */
        Set<String> atStartup();

        /** Whether a worker has loaded the model. */
        boolean isLoaded(String name);
    }

    private static final String HEALTHY = "{\"status\": \"Healthy\"}\n";
    private static final String UNHEALTHY =
            "no worker has the model loaded yet, or again after a failure; ask again later, and see the"
                    + " log where that lasts";

    private final boolean multiModel;
    private final Models models;

    /** For MMS, which makes its endpoints before it has a model manager. */
    public Ping() {
        this(Contract.isMultiModel(), new ManagedModels());
    }

    Ping(boolean multiModel, Models models) {
        this.multiModel = multiModel;
        this.models = models;
    }

    @Override
    public void doGet(Request request, Response response, Context context) throws IOException {
        String body = HEALTHY;
        if (!isHealthy()) {
            HttpResponseStatus status = HttpResponseStatus.SERVICE_UNAVAILABLE;
            response.setStatus(status.code());
            body = Answers.json(status, "ServiceUnavailableException", UNHEALTHY);
        }
        response.setContentType("application/json");
        response.getOutputStream().write(body.getBytes(StandardCharsets.UTF_8));
    }

    /** In multi-model mode SageMaker loads models later, so ping does not look at them. */
    private boolean isHealthy() {
        if (multiModel) {
            return true;
        }
        Set<String> names = models.atStartup();
        return !names.isEmpty() && names.stream().allMatch(models::isLoaded);
    }

    /** The models as MMS manages them. */
    private static final class ManagedModels implements Models {

        @Override
        public Set<String> atStartup() {
            return ModelManager.getInstance().getStartupModels();
        }

        /** MMS calls a worker running, and its model READY, as soon as its process is started. */
        @Override
        public boolean isLoaded(String name) {
            return ModelManager.getInstance().getWorkers(name).stream()
                    .anyMatch(worker -> worker.getState() == WorkerState.WORKER_MODEL_LOADED);
        }
    }
}
