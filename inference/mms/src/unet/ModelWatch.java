package unet;

import com.amazonaws.ml.mms.wlm.Model;
import com.amazonaws.ml.mms.wlm.ModelManager;
import com.amazonaws.ml.mms.wlm.WorkerState;
import com.amazonaws.ml.mms.wlm.WorkerThread;
import java.nio.file.Paths;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * Watches the processes of the models, and notices what MMS does not.
 *
 * <p>MMS starts a worker again that ended, as often as it takes; but not the process that forks
 * them: {@link Forker} does.
 */
final class ModelWatch {

    private static final long POLL_MILLISECONDS = 200;

    private final ModelManager models;
    private final Drain drain;
    private final Unloaded unloaded;
    private final ModelChanges changes;
    private final Sockets sockets =
            new Sockets(Paths.get(System.getProperty("java.io.tmpdir")), Duration.ofSeconds(5));

    ModelWatch(ModelManager models, Shared shared) {
        this.models = models;
        drain = shared.drain;
        unloaded = shared.unloaded;
        changes = shared.changes;
    }

    /**
     * Returns only by an exception. A model that lost the process that forks its workers would hold
     * requests for ever; SageMaker loads it again when it is answered 404.
     */
    void unloadDeadModels() throws InterruptedException {
        while (true) {
            for (Model model : models.getModels().values()) {
                if (hasDied(model) && changes.begin(model.getModelName(), this)) {
                    unload(model);
                }
            }
            unloaded.answer();
            sockets.removeAllBut(workers());
            TimeUnit.SECONDS.sleep(1);
        }
    }

    private void unload(Model model) {
        String name = model.getModelName();
        try {
            if (models.getModels().get(name) == model) { // and no other one of this name
                System.out.printf("Unloading %s: its process ended.%n", name);
                models.unregisterModel(name);
            }
        } finally {
            changes.end(name, this);
        }
    }

    /** The numbers of the processes that are there, or are being started. */
    private Set<String> workers() {
        return models.getModels().values().stream()
                .map(Model::getServerThread)
                .filter(Objects::nonNull)
                .map(WorkerThread::getWorkerId)
                .collect(Collectors.toSet());
    }

    private static boolean hasDied(Model model) {
        WorkerThread server = model.getServerThread();
        Process forker = server == null ? null : server.getLifeCycle().getProcess();
        return forker != null && !forker.isAlive();
    }

    /**
     * Returns only by an exception: when no worker will ever serve the model. Once a worker has
     * served it, those that end come back, and so does the process that forks them.
     *
     * @throws IllegalStateException says why
     */
    void awaitFailure() throws InterruptedException {
        Iterator<String> names = models.getStartupModels().iterator();
        if (!names.hasNext()) {
            throw new IllegalStateException("No process could be started for the model");
        }
        Model model = models.getModels().get(names.next());
        Forker forker = new Forker(model.getServerThread());
        while (true) {
            List<WorkerThread> workers = models.getWorkers(model.getModelName());
            boolean cannotLoad = workers.stream().anyMatch(ModelWatch::hasStopped);
            boolean everLoaded = workers.stream().anyMatch(ModelWatch::hasEverLoaded);
            if (cannotLoad && !everLoaded) {
                drain.waitForNothing();
                throw new IllegalStateException("A worker ended while it loaded the model");
            }
            if (!forker.isAlive()) {
                String end = "The process that starts workers ended: status " + forker.status();
                if (!everLoaded || !forker.startAgain()) {
                    throw new IllegalStateException(end);
                }
                System.out.println(end + "; it is started again");
            }
            TimeUnit.MILLISECONDS.sleep(POLL_MILLISECONDS);
        }
    }

    private static boolean hasStopped(WorkerThread worker) {
        return worker.getState() == WorkerState.WORKER_STOPPED;
    }

    static boolean hasEverLoaded(WorkerThread worker) {
        // the process id is known from the answer to LOAD, and stays
        return worker.getPid() > 0 || worker.getState() == WorkerState.WORKER_MODEL_LOADED;
    }
}
