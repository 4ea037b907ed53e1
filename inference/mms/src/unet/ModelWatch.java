package unet;

import com.amazonaws.ml.mms.wlm.Model;
import com.amazonaws.ml.mms.wlm.ModelManager;
import com.amazonaws.ml.mms.wlm.WorkerState;
import com.amazonaws.ml.mms.wlm.WorkerThread;
import java.util.Iterator;
import java.util.concurrent.TimeUnit;

/**
 * Watches the processes of the models, and notices what MMS does not.
 *
 * <p>MMS restarts a worker that ended, again and again; but not the process that forks them: the
 * thread that should do so fails at a null pointer, as it has no channel.
 */
final class ModelWatch {

    private static final long POLL_MILLISECONDS = 200;

    private final ModelManager models;
    private final Drain drain;

    ModelWatch(ModelManager models, Drain drain) {
        this.models = models;
        this.drain = drain;
    }

    /**
     * Returns only by an exception. A model that lost the process that forks its workers would hold
     * requests for ever; SageMaker loads it again when it is answered 404.
     */
    void unloadDeadModels() throws InterruptedException {
        while (true) {
            for (Model model : models.getModels().values()) {
                if (hasDied(model)) {
                    System.out.printf("Unloading %s: its process ended.%n", model.getModelName());
                    models.unregisterModel(model.getModelName());
                }
            }
            TimeUnit.SECONDS.sleep(1);
        }
    }

    private static boolean hasDied(Model model) {
        WorkerThread server = model.getServerThread();
        Process forker = server == null ? null : server.getLifeCycle().getProcess();
        return forker != null && !forker.isAlive();
    }

    /**
     * Returns only by an exception: when no worker will ever serve the model.
     *
     * @throws IllegalStateException says why
     */
    void awaitFailure() throws InterruptedException {
        Iterator<String> names = models.getStartupModels().iterator();
        if (!names.hasNext()) {
            throw new IllegalStateException("No process could be started for the model");
        }
        Model model = models.getModels().get(names.next());
        Process forker = model.getServerThread().getLifeCycle().getProcess();
        while (!forker.waitFor(POLL_MILLISECONDS, TimeUnit.MILLISECONDS)) {
            if (models.getWorkers(model.getModelName()).stream().anyMatch(ModelWatch::cannotLoad)) {
                drain.waitForNothing();
                throw new IllegalStateException("A worker ended while it loaded the model");
            }
        }
        int status = forker.exitValue();
        throw new IllegalStateException("The process that starts workers ended: status " + status);
    }

    private static boolean cannotLoad(WorkerThread worker) {
        boolean everLoaded = worker.getPid() > 0; // known from the answer to LOAD
        return !everLoaded && worker.getState() == WorkerState.WORKER_STOPPED;
    }
}
