package unet;

import com.google.gson.JsonObject;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import org.slf4j.Logger;

/**
 * Writes a line of JSON for each request that no worker answered: the server's own refusals, and
 * the management of models. Workers log theirs, with more figures: request_log.py.
 */
final class AccessLog {

    private static final Set<String> PROBES = Set.of("/ping", "/execution-parameters");

    private final Logger logger;

    AccessLog(Logger logger) {
        this.logger = logger;
    }

    /** Writes the line unless a worker has; takes the header that says so off {@code response}. */
    void write(PendingRequest request, FullHttpResponse response) {
        boolean logged = response.headers().contains(Contract.LOGGED_HEADER);
        response.headers().remove(Contract.LOGGED_HEADER);
        if (logged || PROBES.contains(request.uri()) || request.route() == Route.PROGRESS) {
            return;
        }
        String line = line(request, response);
        if (response.status().code() >= HttpResponseStatus.INTERNAL_SERVER_ERROR.code()) {
            logger.error("{}", line);
        } else {
            logger.info("{}", line);
        }
    }

    /** Writes the line of a request whose client has gone before anything was computed. */
    void writeGone(PendingRequest request, String id) {
        JsonObject line = new JsonObject();
        line.addProperty("request_id", id);
        line.addProperty("request", request.toString());
        line.addProperty("status", Waiting.GONE);
        line.addProperty("error", "client has gone: nothing was computed");
        logger.info("{}", line);
    }

    private static String line(PendingRequest request, FullHttpResponse response) {
        int status = response.status().code();
        JsonObject line = new JsonObject();
        line.addProperty("request_id", response.headers().get(Contract.REQUEST_ID_HEADER));
        line.addProperty("request", request.toString());
        line.addProperty("status", status);
        if (status >= HttpResponseStatus.BAD_REQUEST.code()) {
            String body = response.content().toString(StandardCharsets.UTF_8);
            line.add("error", Json.member(body, "message").orElse(null));
        }
        return line.toString();
    }
}
