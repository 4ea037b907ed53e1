package unet;

import com.amazonaws.ml.mms.wlm.WorkerThread;
import java.time.Duration;

/**
 * The process that forks the workers of a model, and starts again when it ended.
 *
 * <p>MMS means to start it again, but fails: the thread that should do so ends at a null pointer,
 * as it has no channel. What it did before that may be run again. Meanwhile the workers serve on.
 */
final class Forker {

    /** So many short lives in a row, and it is not tried again. */
    private static final int SHORT_LIVES = 10;

    private static final Duration SHORT = Duration.ofSeconds(2);

    private final WorkerThread starter;
    private Thread current; // null: MMS's own
    private long begin = System.nanoTime(); // the time of day may be set meanwhile
    private int shortLives;

    /** @param starter MMS's thread, which has started the process */
    Forker(WorkerThread starter) {
        this.starter = starter;
    }

    /** Whether the process runs, or is being started. */
    boolean isAlive() {
        return current == null ? process().isAlive() : current.isAlive();
    }

    /** The status of the process; ends it if MMS gave it up. */
    int status() throws InterruptedException {
        return process().destroyForcibly().waitFor();
    }

    /** To be called when it is not alive; false if it ended too often, and was not started. */
    boolean startAgain() {
        long now = System.nanoTime();
        boolean wasShort = now - begin < SHORT.toNanos();
        shortLives = wasShort ? shortLives + 1 : 0;
        if (shortLives >= SHORT_LIVES) {
            return false;
        }
        begin = now;
        current = new Thread(starter);
        current.setDaemon(true);
        current.setUncaughtExceptionHandler((thread, nullPointer) -> {});
        current.start();
        return true;
    }

    private Process process() {
        return starter.getLifeCycle().getProcess();
    }
}
