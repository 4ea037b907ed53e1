package unet;

import com.amazonaws.ml.mms.http.ErrorResponse;
import com.amazonaws.ml.mms.util.JsonUtils;
import com.google.gson.JsonParseException;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Completes errors of Multi Model Server (MMS), which do not say what to do. */
final class MmsErrors {

    private static final Map<String, String> MESSAGES =
            Map.of(
                    "Parameter model_name is required.",
                    "path is /invocations, which names no model, and this server has many; send"
                            + " images to /models/NAME/invoke, and GET /models for the names",
                    "Worker died.",
                    "the process that computed the answer ended before it had one: its model was"
                            + " unloaded, it ran out of memory, or it was killed; send the request"
                            + " again, and where that ends so, too, a smaller image",
                    "Failed to start workers",
                    "the process that was to load the model ended before it had, without a reason:"
                            + " it ran out of memory, or was killed; load the model again, or on a"
                            + " larger instance");

    private static final String NO_SUCH_MODEL = "Model not found: "; // the name follows
    private static final String LOAD_IT =
            "; load it with POST /models, or GET /models for the names of those that are loaded";
    private static final String ONE_MODEL =
            "; this server has one model, which /invocations asks; SAGEMAKER_MULTI_MODEL=true"
                    + " serves many";
    private static final String NAME_TAKEN = " is already registered.";
    private static final String UNLOAD_IT = "; unload it first with DELETE, or take another name";
    private static final String QUEUE_FULL = "No worker is available to serve request for model";
    private static final String WAIT =
            "no worker takes the request: the model is being loaded, or as many requests wait for"
                    + " it as may (MMS_JOB_QUEUE_SIZE); send it again later, or raise that number";

    private MmsErrors() {}

    /**
     * @param management whether models can be listed, loaded and unloaded
     * @return an answer that says more, or {@code answer} itself where there is no more to say
     */
    static FullHttpResponse complete(FullHttpResponse answer, boolean management) {
        boolean workers = answer.headers().contains(Contract.LOGGED_HEADER);
        if (workers || answer.status().code() < HttpResponseStatus.BAD_REQUEST.code()) {
            return answer;
        }
        ErrorResponse error = read(answer.content().toString(StandardCharsets.UTF_8));
        if (error == null || error.getMessage() == null || error.getType() == null) {
            return answer;
        }
        String message = messageFor(error.getMessage(), management);
        String type = typeOf(answer.status(), error.getType());
        if (message.equals(error.getMessage()) && type.equals(error.getType())) {
            return answer;
        }
        return Answers.replace(answer, Answers.error(answer.status(), type, message));
    }

    private static String messageFor(String message, boolean management) {
        if (message.startsWith(NO_SUCH_MODEL)) {
            String remedy = management ? LOAD_IT : ONE_MODEL;
            return message.endsWith(remedy) ? message : message + remedy;
        }
        if (message.endsWith(NAME_TAKEN)) {
            return message.substring(0, message.length() - 1) + UNLOAD_IT;
        }
        return message.startsWith(QUEUE_FULL) ? WAIT : MESSAGES.getOrDefault(message, message);
    }

    /** MMS calls all errors of a job internal ones, that of an unloaded model, too. */
    private static String typeOf(HttpResponseStatus status, String type) {
        boolean internal = type.equals("InternalServerException");
        boolean missing = status.equals(HttpResponseStatus.NOT_FOUND);
        return internal && missing ? "ModelNotFoundException" : type;
    }

    private static ErrorResponse read(String json) {
        try {
            return JsonUtils.GSON.fromJson(json, ErrorResponse.class);
        } catch (JsonParseException e) {
            return null; // it is of another kind
        }
    }
}
