package unet;

import com.amazonaws.ml.mms.wlm.ModelManager;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Which models are being loaded and unloaded: one change of a name at a time. Multi Model Server
 * (MMS) keeps the workers of a model by its name: of changes that meet, one takes the workers of the
 * other, and a request may never be answered.
 */
final class ModelChanges {

    private static final Object NOBODY = new Object(); // but MMS may not have ended

    private final Predicate<String> settled;
    private final Map<String, Object> owners = new HashMap<>();

    /** @param settled whether MMS has ended what it did to the model of a name */
    ModelChanges(Predicate<String> settled) {
        this.settled = settled;
    }

    /** The workers of a model that is there have loaded it; a failed load takes its own away. */
    static boolean isSettledInMms(String name) {
        return ModelManager.getInstance().getWorkers(name).stream()
                .allMatch(ModelWatch::hasEverLoaded);
    }

    /** To be called before MMS has the request. @throws Refusal 409 where another is under way */
    void begin(PendingRequest request) throws Refusal {
        Optional<String> name = request.changedModel();
        if (name.isPresent() && !begin(name.get(), request)) {
            throw Refusal.conflict(
                    "model %s is being loaded or unloaded for another request; send this one again"
                            + " when that one is answered",
                    Text.quote(name.get()));
        }
    }

    /** @return whether {@code owner} may change the model of a name, until {@link #end} */
    synchronized boolean begin(String name, Object owner) {
        Object other = owners.get(name);
        if (other != null && !(other == NOBODY && settled.test(name))) {
            return false;
        }
        owners.put(name, owner);
        return true;
    }

    /** MMS has answered a request, and ended what it did unless it failed. */
    void end(PendingRequest request, HttpResponseStatus status) {
        if (status.code() < HttpResponseStatus.BAD_REQUEST.code()) {
            request.changedModel().ifPresent(name -> end(name, request));
        } else {
            leave(request);
        }
    }

    synchronized void end(String name, Object owner) {
        owners.remove(name, owner);
    }

    /** Nobody waits for the end of what MMS does for a request. */
    void leave(PendingRequest request) {
        request.changedModel().ifPresent(name -> leave(name, request));
    }

    private synchronized void leave(String name, Object owner) {
        owners.replace(name, owner, NOBODY);
    }
}
