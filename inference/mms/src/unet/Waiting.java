package unet;

import com.amazonaws.ml.mms.wlm.Job;
import com.amazonaws.ml.mms.wlm.Model;
import com.amazonaws.ml.mms.wlm.ModelManager;
import io.netty.channel.Channel;
import io.netty.handler.codec.http.FullHttpResponse;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which requests clients wait for. What Multi Model Server (MMS) was handed by a client that has
 * gone is taken out of its queue; where a worker computes it already, a file tells the worker so,
 * which looks for it between tiles.
 */
final class Waiting {

    /** The status, in the log, of a request whose client has gone; nobody is answered with it. */
    static final int GONE = 499;

    private static final Logger LOG = LoggerFactory.getLogger(Waiting.class);
    private static final int MOST_REMEMBERED = 10_000;

    private final Optional<Path> folder;
    private final Supplier<Collection<? extends Collection<Job>>> queues;
    private final Function<Channel, String> ids;
    private final Map<String, Duration> overdue = new ConcurrentHashMap<>();
    private final Set<String> computed = new HashSet<>();
    // of clients that left while their requests were neither in a queue nor with a worker
    private final Set<String> gone =
            Collections.newSetFromMap(
                    new LinkedHashMap<>() {
                        private static final long serialVersionUID = 1L;

                        @Override
                        protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
                            return size() > MOST_REMEMBERED;
                        }
                    });

    /**
     * @param folder where files tell workers of clients that have gone; empty: they are not told
     * @param queues of requests that no worker has
     * @param ids by which MMS knows the requests of connections
     */
    Waiting(
            Optional<Path> folder,
            Supplier<Collection<? extends Collection<Job>>> queues,
            Function<Channel, String> ids) {
        this.folder = folder;
        this.queues = queues;
        this.ids = ids;
    }

    /** The id of the request that MMS has of a connection; null: it has none, or answered it. */
    String idOf(Channel connection) {
        return ids.apply(connection);
    }

    /** Those of all models. @throws IllegalStateException MMS is another one */
    static Supplier<Collection<? extends Collection<Job>>> queuesOfMms() {
        Field field;
        try {
            field = Model.class.getDeclaredField("jobsDb");
        } catch (NoSuchFieldException e) {
            throw new IllegalStateException(
                    "multi-model-server is not the one that this server was written for: " + e, e);
        }
        field.setAccessible(true);
        return () -> {
            Collection<Collection<Job>> queues = new ArrayList<>();
            for (Model model : ModelManager.getInstance().getModels().values()) {
                queues.addAll(queuesOf(model, field));
            }
            return queues;
        };
    }

    @SuppressWarnings("unchecked")
    private static Collection<? extends Collection<Job>> queuesOf(Model model, Field field) {
        try {
            return ((Map<String, ? extends Collection<Job>>) field.get(model)).values();
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e); // it was made accessible
        }
    }

    /** The client of a request has gone. @return whether nothing of it was or will be computed */
    synchronized boolean leave(String id) {
        if (computed.contains(id)) {
            tell(id);
            return false;
        }
        for (Collection<Job> queue : queues.get()) {
            if (queue.removeIf(job -> id.equals(job.getJobId()))) {
                return true;
            }
        }
        gone.add(id);
        return true;
    }

    /** A worker is to compute it. @return whether somebody waits for it */
    synchronized boolean begin(String id) {
        if (gone.remove(id)) {
            return false;
        }
        computed.add(id);
        return true;
    }

    /** Its worker is killed, as it has taken longer than {@code limit}. */
    void setOverdue(String id, Duration limit) {
        overdue.put(id, limit);
    }

    /** @return why the request failed, where MMS says only that its worker died */
    FullHttpResponse explain(String id, FullHttpResponse answer) {
        Duration limit = id == null ? null : overdue.remove(id);
        if (limit == null) {
            return answer;
        }
        Refusal refusal =
                Refusal.unavailable(
                        String.format(
                                "request was given up after %d s (SAGEMAKER_MODEL_SERVER_TIMEOUT,"
                                        + " or _SECONDS); send a smaller image, or raise the limit",
                                limit.toSeconds()));
        return Answers.replace(answer, Answers.refusal(refusal));
    }

    /** No worker computes it any more. */
    synchronized void end(String id) {
        if (computed.remove(id) && folder.isPresent()) {
            try {
                Files.deleteIfExists(folder.get().resolve(id));
            } catch (IOException e) {
                LOG.warn("cannot remove the file of a client that has gone", e);
            }
        }
    }

    private void tell(String id) {
        if (folder.isEmpty()) {
            return;
        }
        try {
            Files.createFile(folder.get().resolve(id));
        } catch (FileAlreadyExistsException e) {
            LOG.debug("it is told already", e);
        } catch (IOException e) {
            LOG.warn("cannot tell a worker that its client has gone: it computes on", e);
        }
    }
}
