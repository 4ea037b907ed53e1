package unet;

import java.time.Duration;
import java.util.function.LongSupplier;

/** How fast bytes move, of late. */
final class Pace {

    static final Duration WINDOW = Duration.ofSeconds(2);

    private final LongSupplier clock; // nanoseconds
    private long begin;
    private long bytes; // since begin
    private double last = Double.POSITIVE_INFINITY; // what has just begun is not slow

    Pace(LongSupplier clock) {
        this.clock = clock;
        begin = clock.getAsLong();
    }

    void moved(long more) {
        bytes += more;
        long now = clock.getAsLong();
        if (now - begin >= WINDOW.toNanos()) {
            last = bytes * 1e9 / (now - begin);
            begin = now;
            bytes = 0;
        }
    }

    /** Bytes per second in the current window, or in the last one where it has just begun. */
    double perSecond() {
        long elapsed = clock.getAsLong() - begin;
        return elapsed < WINDOW.toNanos() ? last : bytes * 1e9 / elapsed;
    }
}
