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

    private MmsErrors() {}

    /** @return an answer that says more, or {@code answer} itself where there is no more to say */
    static FullHttpResponse complete(FullHttpResponse answer) {
        boolean workers = answer.headers().contains(Contract.LOGGED_HEADER);
        if (workers || answer.status().code() < HttpResponseStatus.BAD_REQUEST.code()) {
            return answer;
        }
        ErrorResponse error = read(answer.content().toString(StandardCharsets.UTF_8));
        if (error == null || error.getMessage() == null || error.getType() == null) {
            return answer;
        }
        String message = messageFor(error.getMessage());
        String type = typeOf(answer.status(), error.getType());
        if (message.equals(error.getMessage()) && type.equals(error.getType())) {
            return answer;
        }
        return Answers.replace(answer, Answers.error(answer.status(), type, message));
    }

    private static String messageFor(String message) {
        boolean missing = message.startsWith(NO_SUCH_MODEL) && !message.endsWith(LOAD_IT);
        return missing ? message + LOAD_IT : MESSAGES.getOrDefault(message, message);
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
