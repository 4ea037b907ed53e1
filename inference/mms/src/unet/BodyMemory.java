package unet;

import java.util.concurrent.atomic.AtomicLong;

/**
 * How much memory the bodies of the requests under way may take, in the whole server. Without a
 * limit MMS would queue bodies until the heap is full.
 */
final class BodyMemory {

    private final long limit;
    private final AtomicLong reserved = new AtomicLong();

    /** @param limit in bytes */
    BodyMemory(long limit) {
        this.limit = limit;
    }

    /**
     * Reserves room for a body, if there is room. A body that is alone always has it.
     *
     * @return whether the room was reserved
     */
    boolean reserve(long bytes) {
        long total = reserved.addAndGet(bytes);
        boolean room = total <= limit || total == bytes;
        if (!room) {
            reserved.addAndGet(-bytes);
        }
        return room;
    }

    void release(long bytes) {
        reserved.addAndGet(-bytes);
    }
}
