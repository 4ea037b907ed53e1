package unet;

import com.amazonaws.ml.mms.wlm.Job;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Answers the requests that waited for a model when it was unloaded: Multi Model Server (MMS) leaves
 * them in its queue, and their clients without an answer.
 */
final class Unloaded {

    /** For so many looks more, a request may still come that was on its way. */
    private static final int LOOKS = 10;

    private final Supplier<? extends Collection<? extends Collection<Job>>> queues;
    private final Map<Collection<Job>, Integer> looks = new IdentityHashMap<>();

    /** @param queues of the models that are there */
    Unloaded(Supplier<? extends Collection<? extends Collection<Job>>> queues) {
        this.queues = queues;
    }

    /** Remember the models that are there; to be called before a request is handed on. */
    synchronized void look() {
        for (Collection<Job> queue : queues.get()) {
            looks.put(queue, LOOKS);
        }
    }

    /** To be called again and again. */
    synchronized void answer() {
        looks.replaceAll((queue, left) -> left - 1);
        look();
        looks.forEach(Unloaded::answerUnlessThere);
        looks.values().removeIf(left -> left == 0);
    }

    private static void answerUnlessThere(Collection<Job> queue, int left) {
        if (left < LOOKS) {
            queue.removeIf(Unloaded::isAnswered);
        }
    }

    private static boolean isAnswered(Job job) {
        if (job.isControlCmd()) {
            return false; // MMS's own, which no client waits for
        }
        job.sendError(
                HttpResponseStatus.NOT_FOUND,
                "model "
                        + Text.quote(job.getModelName())
                        + " was unloaded while the request waited; load it, and send it again");
        return true;
    }
}
