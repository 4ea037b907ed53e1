package unet;

import io.netty.handler.codec.http.HttpRequest;
import java.util.Optional;

/** What is kept of a request until it is answered. */
final class PendingRequest {

    private final String line;
    private final String uri;
    private final boolean post;
    private Target target;
    private Route route;
    private Optional<String> modelName = Optional.empty();

    PendingRequest(HttpRequest request) {
        uri = request.uri();
        line = request.method().name() + " " + uri;
        post = request.method().name().equals("POST");
    }

    private PendingRequest(String line) {
        this.line = line;
        uri = "";
        post = false;
    }

    /** One whose head could not be read. */
    static PendingRequest unread(String line) {
        return new PendingRequest(Text.shorten(line));
    }

    /** What it asks for, as it came. */
    String uri() {
        return uri;
    }

    void asksFor(Target target, Route route) {
        this.target = target;
        this.route = route;
    }

    Target target() {
        return target;
    }

    Route route() {
        return route;
    }

    /** Whether it wants a model loaded. */
    boolean loadsModel() {
        return post && route == Route.MODELS;
    }

    void setModelName(String name) {
        modelName = Optional.of(name);
    }

    /** The model that it wants loaded; empty where it wants something else. */
    Optional<String> modelName() {
        return modelName;
    }

    /** As the log names it. */
    @Override
    public String toString() {
        return line;
    }
}
