package unet;

import io.netty.channel.Channel;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What happens on SIGTERM: requests that had begun to arrive are answered, later ones get 503, and
 * the JVM exits when no client waits for an answer any more, or after UNET_DRAIN_SECONDS.
 */
final class Drain implements Runnable {

    /** A connection whose client may wait for an answer. */
    interface Client {

        /** Answers what has not been answered yet, with an error; called from any thread. */
        void giveUp();
    }

    /** Time for the requests of connections that were accepted just before the socket closed. */
    private static final Duration SETTLING = Duration.ofMillis(200);

    private static final Duration LAST_ANSWERS = Duration.ofSeconds(1);
    private static final Duration POLL = Duration.ofMillis(10);

    private final Duration limit;
    private final Set<Client> busy = ConcurrentHashMap.newKeySet();
    private final ChannelGroup listeners = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
    private volatile boolean hopeless;
    private volatile boolean begun;

    /** @param limit for the answers to requests that had begun to arrive */
    Drain(Duration limit) {
        this.limit = limit;
    }

    /** Adds a listening socket, to be closed once nothing is under way. */
    void addListener(Channel listener) {
        listeners.add(listener);
    }

    /** For the answers to requests that had begun to arrive. */
    Duration limit() {
        return limit;
    }

    boolean hasBegun() {
        return begun;
    }

    /** To be called before {@link #hasBegun}, so that no request falls between the two. */
    void setBusy(Client client) {
        busy.add(client);
    }

    void setIdle(Client client) {
        busy.remove(client);
    }

    boolean isIdle() {
        return busy.isEmpty();
    }

    /** No request will be answered any more: when the end comes, refuse them at once. */
    void waitForNothing() {
        hopeless = true;
    }

    /** The JVM's shutdown hook: the JVM exits when it returns. */
    @Override
    public void run() {
        long begin = System.nanoTime(); // the time of day may be set meanwhile
        Duration patience = hopeless ? Duration.ZERO : limit;
        begun = true;
        awaitIdle(begin, patience);
        listeners.close().awaitUninterruptibly();
        sleep(SETTLING);
        awaitIdle(begin, patience);
        busy.forEach(Client::giveUp);
        awaitIdle(System.nanoTime(), LAST_ANSWERS);
    }

    private void awaitIdle(long begin, Duration patience) {
        while (!isIdle() && System.nanoTime() - begin < patience.toNanos()) {
            sleep(POLL);
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
