package unet;

import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.ScheduledFuture;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Runs an action when something that is expected has not happened for a while.
 *
 * <p>It is used in one event loop only, in which the action runs, too.
 */
final class Patience {

    private final EventExecutor loop;
    private ScheduledFuture<?> alarm;
    private Runnable otherwise;
    private long limit; // nanoseconds
    private long deadline;

    Patience(EventExecutor loop) {
        this.loop = loop;
    }

    /** Runs {@code otherwise} after {@code limit}; what was expected before is forgotten. */
    void expect(Duration limit, Runnable otherwise) {
        stop();
        this.limit = limit.toNanos();
        this.otherwise = otherwise;
        deadline = System.nanoTime() + this.limit;
        schedule(this.limit);
    }

    /** What is expected has happened in part: the time begins anew. */
    void renew() {
        deadline = System.nanoTime() + limit;
    }

    /** Expects nothing any more. */
    void stop() {
        if (alarm != null) {
            alarm.cancel(false);
            alarm = null;
        }
    }

    private void schedule(long delay) {
        alarm = loop.schedule(this::ring, delay, TimeUnit.NANOSECONDS);
    }

    private void ring() {
        long left = deadline - System.nanoTime();
        if (left > 0) {
            schedule(left);
        } else {
            alarm = null;
            otherwise.run();
        }
    }
}
