package unet;

import java.util.Comparator;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The connections of clients, of which there may be so many. Where there are more, the server ends
 * one that waits for its client: those without a request first, and of these the oldest.
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

    private final int limit;
    private final Set<Connection> all = ConcurrentHashMap.newKeySet();

    /** @param limit how many connections there may be */
    Connections(int limit) {
        this.limit = limit;
    }

    /** @return whether there is room for it */
    synchronized boolean admit(Connection connection) {
        if (all.size() >= limit) {
            Optional<Connection> other =
                    all.stream().filter(c -> c.waiting() != Waiting.NOT).min(ORDER);
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
