package unet;

import io.netty.channel.Channel;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What happens on SIGTERM: requests that had begun to arrive are answered, later ones get 503, and
 * the JVM exits when no client is owed an answer, or after UNET_DRAIN_SECONDS.
 */
final class Drain implements Runnable {

    /** Time for connections that were accepted just before the socket closed to say what they want. */
    private static final Duration SETTLING = Duration.ofMillis(200);

    private final Set<Connection> busy = ConcurrentHashMap.newKeySet();
    private final ChannelGroup listeners = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
    private final Duration limit;
    private volatile boolean hopeless;
    private volatile boolean begun;

    Drain(Duration limit) {
        this.limit = limit;
    }

    void addListener(Channel listener) {
        listeners.add(listener);
    }

    boolean hasBegun() {
        return begun;
    }

    /** To be called before {@link #hasBegun} is asked, so that no request falls between them. */
    void setBusy(Connection connection) {
        busy.add(connection);
    }

    void setIdle(Connection connection) {
        busy.remove(connection);
    }

    /** No request will be answered any more: at the end, refuse them at once. */
    void waitForNothing() {
        hopeless = true;
    }

    /** The JVM's shutdown hook: the JVM exits when it returns. */
    @Override
    public void run() {
        Instant deadline = hopeless ? Instant.now() : Instant.now().plus(limit);
        begun = true;
        awaitIdle(deadline);
        listeners.close().awaitUninterruptibly();
        sleep(SETTLING);
        awaitIdle(deadline);
        busy.forEach(Connection::giveUp);
        awaitIdle(Instant.now().plusSeconds(1));
    }

    private void awaitIdle(Instant deadline) {
        while (!busy.isEmpty() && Instant.now().isBefore(deadline)) {
            sleep(Duration.ofMillis(10));
        }
    }

    private static void sleep(Duration duration) {
        try {
            Thread.sleep(duration.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
