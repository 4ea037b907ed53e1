package unet;

import com.amazonaws.ml.mms.util.ConfigManager;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import software.amazon.ai.mms.servingsdk.Context;
import software.amazon.ai.mms.servingsdk.ModelServerEndpoint;
import software.amazon.ai.mms.servingsdk.annotations.Endpoint;
import software.amazon.ai.mms.servingsdk.annotations.helpers.EndpointTypes;
import software.amazon.ai.mms.servingsdk.http.Request;
import software.amazon.ai.mms.servingsdk.http.Response;

/** GET /execution-parameters: what a batch transform job may send. An image is a whole record. */
@Endpoint(
        urlPattern = "execution-parameters",
        endpointType = EndpointTypes.INFERENCE,
        description = "What a SageMaker batch transform job may send")
public final class ExecutionParameters extends ModelServerEndpoint {

    private static final int MEGABYTE = 1024 * 1024;
    private static final String BODY =
            "{\"MaxConcurrentTransforms\": %d, \"BatchStrategy\": \"SINGLE_RECORD\","
                    + " \"MaxPayloadInMB\": %d}\n";

    private final ConfigManager config;

    /** For MMS, which makes its endpoints after it has read its configuration. */
    public ExecutionParameters() {
        this(ConfigManager.getInstance());
    }

    ExecutionParameters(ConfigManager config) {
        this.config = config;
    }

    @Override
    public void doGet(Request request, Response response, Context context) throws IOException {
        int megabytes = Limits.thatFits(config.getMaxRequestSize()) / MEGABYTE;
        String body = String.format(BODY, config.getDefaultWorkers(), megabytes);
        response.setContentType("application/json");
        response.getOutputStream().write(body.getBytes(StandardCharsets.UTF_8));
    }
}
