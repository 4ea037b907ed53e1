package unet;

import java.util.concurrent.atomic.AtomicLong;

/**
 * How much of the heap the bodies of requests under way may take. MMS would queue them until the
 * heap is full. A body is held up to three times: as it came, as it is queued, as it goes to the
 * worker.
 */
final class Bodies {

    private static final long LIMIT = Runtime.getRuntime().maxMemory() / 4;

    private final AtomicLong held = new AtomicLong();

    /** Whether there is room; one body alone always has it. */
    boolean take(long bytes) {
        long total = held.addAndGet(bytes);
        boolean room = total <= LIMIT || total == bytes;
        if (!room) {
            held.addAndGet(-bytes);
        }
        return room;
    }

    void give(long bytes) {
        held.addAndGet(-bytes);
    }
}
