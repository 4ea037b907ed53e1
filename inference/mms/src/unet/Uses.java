package unet;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Who waits for answers of which model, in multi-model mode, so that it is unloaded after these: Multi
 * Model Server (MMS) would end its workers at once, whatever they compute.
 */
final class Uses {

    private static final class Unloading {

        final PendingRequest request;
        final Runnable then;

        Unloading(PendingRequest request, Runnable then) {
            this.request = request;
            this.then = then;
        }
    }

    private final Map<String, Integer> users = new HashMap<>();
    private final Map<String, Unloading> unloadings = new HashMap<>();

    /** To be called before MMS has the request. @throws Refusal 404 where its model is unloaded */
    synchronized void begin(PendingRequest request) throws Refusal {
        Optional<String> name = request.usedModel();
        if (name.isEmpty()) {
            return;
        }
        if (unloadings.containsKey(name.get())) {
            throw Refusal.notFound(
                    String.format(
                            "model %s is being unloaded; load it again, and send the request again",
                            Text.quote(name.get())));
        }
        users.merge(name.get(), 1, Integer::sum);
    }

    /**
     * From now on until {@link #end} nobody else may use the model that a request unloads.
     *
     * @param then to be called from any thread when nobody uses it any more
     * @return whether nobody does already; {@code then} is not called
     */
    synchronized boolean unload(PendingRequest request, Runnable then) {
        String name = request.unloadedModel().orElseThrow();
        unloadings.put(name, new Unloading(request, then));
        return !users.containsKey(name);
    }

    /** It is answered, or its client has gone. */
    void end(PendingRequest request) {
        request.usedModel().flatMap(this::without).ifPresent(unloading -> unloading.then.run());
        request.unloadedModel().ifPresent(name -> forget(name, request));
    }

    /** One user fewer. @return who waits for that, if it was the last */
    private synchronized Optional<Unloading> without(String name) {
        int left = users.merge(name, -1, Integer::sum);
        if (left > 0) {
            return Optional.empty();
        }
        users.remove(name);
        return Optional.ofNullable(unloadings.get(name));
    }

    private synchronized void forget(String name, PendingRequest request) {
        Unloading unloading = unloadings.get(name);
        if (unloading != null && unloading.request == request) {
            unloadings.remove(name);
        }
    }
}
