package unet;

import java.lang.ref.Cleaner;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Memory that all connections share, for the bodies of requests or for answers. Where it runs
 * short, those who send or read slowly lose their part, the slowest first; where nobody is slow,
 * whoever asks gets none.
 *
 * <p>Without it Multi Model Server (MMS) would hold bodies and answers until the heap is full.
 */
final class Memory {

    private static final int SLOW = 64 * 1024; // bytes per second
    private static final Cleaner CLEANER = Cleaner.create();
    private static final long COLLECTION_PAUSE = TimeUnit.SECONDS.toNanos(1);

    private final long limit;
    private final LongSupplier clock; // nanoseconds
    private final Set<Part> movable = new HashSet<>(); // whose owner may lose them
    private long taken;
    private long takenBySmall; // of taken, what parts hold that are small
    private int orphans;
    private long lastCollection;

    /** @param limit in bytes; a quarter more is a reserve for those who need little */
    Memory(long limit, LongSupplier clock) {
        this.limit = limit;
        this.clock = clock;
        lastCollection = clock.getAsLong() - COLLECTION_PAUSE;
    }

    Memory(long limit) {
        this(limit, System::nanoTime);
    }

    /**
     * Makes a part of no bytes.
     *
     * @param lose what its owner does to give it back; called from any thread
     */
    Part part(Runnable lose) {
        return new Part(lose);
    }

    synchronized long taken() {
        return taken;
    }

    private boolean fits(Part part, long more) {
        boolean alone = taken == part.bytes;
        return alone || taken + more <= limit || fitsBesideLarge(part, more);
    }

    /**
     * Whether it may share the reserve: a body of up to a sixteenth of the limit may, if three more
     * of its size would fit besides, so that smaller ones find room when it has been taken up.
     */
    private boolean fitsBesideLarge(Part part, long more) {
        return takenBySmall + more + 3 * (part.bytes + more) <= limit / 4;
    }

    private boolean isSmall(long bytes) {
        return bytes <= limit / 16;
    }

    /** What was held as {@code before} bytes is held as {@code after} bytes. */
    private void change(long before, long after) {
        taken += after - before;
        takenBySmall += (isSmall(after) ? after : 0) - (isSmall(before) ? before : 0);
    }

    private Part slowest(Part except) {
        Part slowest = null;
        for (Part part : movable) {
            boolean slow = part != except && part.bytes > 0 && part.pace.perSecond() < SLOW;
            if (slow && (slowest == null || part.pace.perSecond() < slowest.pace.perSecond())) {
                slowest = part;
            }
        }
        return slowest;
    }

    /** What nobody uses is known to be free only after the garbage was collected. */
    private void collectOrphans() {
        long now = clock.getAsLong();
        if (orphans > 0 && now - lastCollection >= COLLECTION_PAUSE) {
            lastCollection = now;
            System.gc();
        }
    }

    private synchronized void forgetOrphan(long bytes) {
        orphans--;
        change(bytes, 0);
    }

    /** What one owner holds. */
    final class Part {

        private final Runnable lose;
        private final Pace pace = new Pace(clock);
        private long bytes;
        private boolean lost;

        private Part(Runnable lose) {
            this.lose = lose;
        }

        /**
         * Takes more; while it moves, others may take it away.
         *
         * @return whether there was room; where not it keeps nothing, so that of those who ask at
         *     once the last one finds room
         */
        boolean take(long more) {
            synchronized (Memory.this) {
                while (!lost && !fits(this, more)) {
                    Part other = slowest(this);
                    if (other == null) {
                        release();
                        collectOrphans();
                        return false;
                    }
                    other.bereave();
                }
                if (!lost) {
                    movable.add(this);
                    hold(bytes + more);
                }
                return !lost;
            }
        }

        /** The client has sent or read so many bytes. */
        void moved(long more) {
            synchronized (Memory.this) {
                pace.moved(more);
            }
        }

        /** Nothing of it moves any more: it keeps so many bytes, and nobody may take it away. */
        void settle(long kept) {
            synchronized (Memory.this) {
                movable.remove(this);
                if (!lost) {
                    hold(kept);
                }
            }
        }

        /** Gives it back. */
        void release() {
            synchronized (Memory.this) {
                movable.remove(this);
                hold(0);
            }
        }

        /** Gives it back when nothing refers to {@code held} any more: MMS forgets late. */
        void releaseWith(Object held) {
            long orphaned;
            synchronized (Memory.this) {
                movable.remove(this);
                orphaned = bytes;
                bytes = 0;
                orphans++;
            }
            CLEANER.register(held, () -> forgetOrphan(orphaned));
        }

        private void hold(long held) {
            change(bytes, held);
            bytes = held;
        }

        private void bereave() {
            lost = true;
            release();
            lose.run();
        }
    }
}
