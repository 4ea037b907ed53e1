package unet;

import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import java.util.Optional;

/** What is kept of a request until it is answered. */
final class PendingRequest {

    private final String line;
    private final String uri;
    private final boolean post;
    private final boolean delete;
    private final boolean recent;
    private final Optional<String> origin;
    private final Optional<String> inferenceId;
    private Target target;
    private Route route;
    private Optional<String> modelName = Optional.empty();

    PendingRequest(HttpRequest request) {
        uri = request.uri();
        line = request.method().name() + " " + uri;
        post = request.method().name().equals("POST");
        delete = request.method().name().equals("DELETE");
        recent = request.protocolVersion().equals(HttpVersion.HTTP_1_1);
        origin = Origins.originOf(request);
        inferenceId =
                Optional.ofNullable(request.headers().get(Contract.INFERENCE_ID_HEADER))
                        .filter(Progress::isId);
    }

    private PendingRequest(String line) {
        this.line = line;
        uri = "";
        post = false;
        delete = false;
        recent = false;
        origin = Optional.empty();
        inferenceId = Optional.empty();
    }

    /** One whose head could not be read. */
    static PendingRequest unread(String line) {
        return new PendingRequest(Text.shorten(line));
    }

    /** What it asks for, as it came. */
    String uri() {
        return uri;
    }

    /** Whether its client passes over answers such as 100, which HTTP/1.0 does not know. */
    boolean takesInterimAnswers() {
        return recent;
    }

    /** Where the script is from that sent it; empty: no browser says so. */
    Optional<String> origin() {
        return origin;
    }

    /** What its client calls an image's; empty: nothing, or what {@link Progress} does not take. */
    Optional<String> inferenceId() {
        return route == Route.INVOKE ? inferenceId : Optional.empty();
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

    /** The model that it wants unloaded; empty where it wants something else. */
    Optional<String> unloadedModel() {
        return delete && route == Route.MODEL ? Optional.of(nameInPath()) : Optional.empty();
    }

    /** The model that it wants loaded or unloaded; empty where it wants something else. */
    Optional<String> changedModel() {
        return unloadedModel().or(() -> modelName);
    }

    /** The model whose answer it wants, where the path names one; empty: it does not. */
    Optional<String> usedModel() {
        boolean names = route == Route.INVOKE && target.segments().size() > 1;
        return names ? Optional.of(nameInPath()) : Optional.empty();
    }

    private String nameInPath() {
        return target.segments().get(1);
    }

    /** As the log names it. */
    @Override
    public String toString() {
        return line;
    }
}
