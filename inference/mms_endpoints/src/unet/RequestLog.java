package unet;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A line of JSON for each request that no worker answered: the server's own refusals, and the
 * management of models. Workers log theirs, with more figures: request_log.py.
 */
final class RequestLog {

    private static final Logger LOG = LoggerFactory.getLogger("REQUESTS");
    private static final String LOGGED = "x-unet-logged"; // set by handler_service.py
    private static final Set<String> PROBES = Set.of("/ping", "/execution-parameters");

    private RequestLog() {}

    /** @param request the method and the path */
    static void write(String request, FullHttpResponse response) {
        boolean logged = response.headers().contains(LOGGED);
        response.headers().remove(LOGGED);
        String path = request.substring(request.indexOf(' ') + 1);
        if (logged || PROBES.contains(path)) {
            return;
        }
        int status = response.status().code();
        JsonObject line = new JsonObject();
        line.addProperty("request_id", response.headers().get(Answers.REQUEST_ID));
        line.addProperty("request", request);
        line.addProperty("status", status);
        if (status >= HttpResponseStatus.BAD_REQUEST.code()) {
            line.add("error", message(response));
        }
        if (status >= HttpResponseStatus.INTERNAL_SERVER_ERROR.code()) {
            LOG.error("{}", line);
        } else {
            LOG.info("{}", line);
        }
    }

    private static JsonElement message(FullHttpResponse response) {
        String body = response.content().toString(StandardCharsets.UTF_8);
        try {
            return JsonParser.parseString(body).getAsJsonObject().get("message");
        } catch (JsonParseException | IllegalStateException e) {
            return null;
        }
    }
}
