package unet;

import java.util.List;
import java.util.Set;

/** What there is at a path, and the methods that it takes. */
enum Route {
    DOCUMENT("GET, HEAD"),
    PROBE("GET, HEAD"),
    PROGRESS("GET, HEAD"),
    INVOKE("POST"),
    MODELS("GET, HEAD, POST"),
    MODEL("GET, HEAD, DELETE");

    private static final String ONE_MODEL =
            "/invocations, as this server has one model; SAGEMAKER_MULTI_MODEL=true serves many";
    private static final Set<String> PROBES = Set.of("ping", "execution-parameters");

    private final String methods;

    Route(String methods) {
        this.methods = methods;
    }

    /** The methods that it takes, as the header Allow lists them. */
    String methods() {
        return methods;
    }

    /**
     * @param documents that are there beside
     * @param management whether models can be listed, loaded and unloaded
     * @throws Refusal 404 where there is nothing, 405 where it has no such method
     */
    static Route of(String method, Target target, Documents documents, boolean management)
            throws Refusal {
        boolean document = documents.has(target.path());
        Route route = document ? DOCUMENT : at(target.segments(), management);
        if (route == null) {
            throw Refusal.notFound(
                    "there is nothing at "
                            + Text.quote(target.path())
                            + "; images are sent to "
                            + (management ? "/models/NAME/invoke" : ONE_MODEL));
        }
        if (!List.of(route.methods.split(", ")).contains(method)) {
            throw Refusal.notAllowed(
                    route.methods,
                    String.format(
                            "method is %s; %s takes %s",
                            Text.quote(method), Text.quote(target.path()), route.methods));
        }
        return route;
    }

    private static Route at(List<String> segments, boolean management) {
        String first = segments.isEmpty() ? "" : segments.get(0);
        boolean models = first.equals("models") && !segments.contains("");
        switch (segments.size()) {
            case 1:
                if (first.equals("invocations")) {
                    return INVOKE;
                }
                return PROBES.contains(first) ? PROBE : models && management ? MODELS : null;
            case 2:
                if (first.equals("progress") && Progress.isId(segments.get(1))) {
                    return PROGRESS;
                }
                return models && management ? MODEL : null;
            case 3:
                return models && segments.get(2).equals("invoke") ? INVOKE : null;
            default:
                return null;
        }
    }
}
