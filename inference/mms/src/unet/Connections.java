package unet;

import java.util.Comparator;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * The connections of clients, of which there may be so many. Where there are more, the server ends
 * one that waits for its client: those without a request first, and of these the oldest. Those that
 * have waited for a moment only come last: their requests are on the way.
 */
final class Connections {

    /** How a connection waits for its client; later ones are ended later. */
    enum Waiting {
        FOR_A_REQUEST,
        FOR_A_HEAD,
        FOR_A_BODY,
        NOT
    }

    interface Connection {

        Waiting waiting();

        /** In nanoseconds, as {@link System#nanoTime} gives them. */
        long waitingSince();

        /** Ends it if it still waits; called from any thread. */
        void dismiss();
    }

    private static final Comparator<Connection> ORDER =
            Comparator.comparing(Connection::waiting)
                    .thenComparing((a, b) -> Long.signum(a.waitingSince() - b.waitingSince()));

    private static final long MOMENT = TimeUnit.SECONDS.toNanos(1);

    private final int limit;
    private final LongSupplier clock; // nanoseconds
    private final Set<Connection> all = ConcurrentHashMap.newKeySet();

    /** @param limit how many connections there may be */
    Connections(int limit, LongSupplier clock) {
        this.limit = limit;
        this.clock = clock;
    }

    Connections(int limit) {
        this(limit, System::nanoTime);
    }

    /** @return whether there is room for it */
    synchronized boolean admit(Connection connection) {
        if (all.size() >= limit) {
            long now = clock.getAsLong();
            Comparator<Connection> fresh =
                    Comparator.comparing(c -> now - c.waitingSince() < MOMENT);
            Optional<Connection> other =
                    all.stream()
                            .filter(c -> c.waiting() != Waiting.NOT)
                            .min(fresh.thenComparing(ORDER));
            other.ifPresent(all::remove); // it is about to end
            other.ifPresent(Connection::dismiss);
        }
        return all.size() < limit && all.add(connection);
    }

    /** It does not wait any more: it stays, if need be as one too many. */
    void keep(Connection connection) {
        all.add(connection);
    }

    void remove(Connection connection) {
        all.remove(connection);
    }
}
