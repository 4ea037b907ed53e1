package unet;

import com.sun.management.UnixOperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.OperatingSystemMXBean;
import java.time.Duration;

/** What clients may take of the server: time, connections, memory. */
final class Limits {

    private static final String IDLE_SECONDS = "30";
    private static final String KEEP_ALIVE_SECONDS = "75"; // load balancers close after 60
    private static final String COMPUTING_SECONDS = "600";
    private static final int LARGEST_OTHER_BODY = 64 * 1024; // bytes, of what holds no image
    private static final String TOO_LARGE =
            "body is larger than the %,d bytes that are taken here"
                    + " (SAGEMAKER_MAX_PAYLOAD_IN_MB, and a quarter of the Java heap);"
                    + " send less";
    private static final int MOST_CONNECTIONS = 4096;
    private static final int MEMORY_OF_CONNECTION = 128 * 1024; // bytes of heap, at most, idle
    private static final int OTHER_FILES = 256; // jars, and what the workers need

    private final Duration idle;
    private final Duration keepAlive;
    private final Duration computing;
    private final int largestBody;

    Limits(Duration idle, Duration keepAlive, Duration computing, int largestBody) {
        this.idle = idle;
        this.keepAlive = keepAlive;
        this.computing = computing;
        this.largestBody = largestBody;
    }

    /** @param largestBody the most bytes that a request to segment an image may have */
    static Limits ofProperties(int largestBody) {
        return new Limits(
                seconds(Contract.IDLE_SECONDS_PROPERTY, IDLE_SECONDS),
                seconds(Contract.KEEP_ALIVE_SECONDS_PROPERTY, KEEP_ALIVE_SECONDS),
                seconds(Contract.TIMEOUT_SECONDS_PROPERTY, COMPUTING_SECONDS),
                thatFits(largestBody));
    }

    /** What the heap holds of a body: it is there more than once before it is with the worker. */
    static int thatFits(int largestBody) {
        return (int) Math.min(largestBody, Runtime.getRuntime().maxMemory() / 4);
    }

    /** How long nothing may come of a request that has begun, or be taken of an answer. */
    Duration idle() {
        return idle;
    }

    /** How long a connection may wait for a request. */
    Duration keepAlive() {
        return keepAlive;
    }

    /** How long a worker may compute an answer, which it should give up before. */
    Duration computing() {
        return computing;
    }

    /** The most bytes that the body of a request may have. */
    int largestBody(Route route) {
        return route == Route.INVOKE ? largestBody : Math.min(largestBody, LARGEST_OTHER_BODY);
    }

    static Refusal tooLarge(int largest) {
        return Refusal.tooLarge(TOO_LARGE, largest);
    }

    /** How many connections there may be: as open files and the heap allow. */
    static int connections() {
        Integer set = Integer.getInteger(Contract.CONNECTIONS_PROPERTY);
        if (set != null) {
            return set;
        }
        long files = (openFiles() - OTHER_FILES) / 2; // the workers have connections, too
        long heap = Runtime.getRuntime().maxMemory() / MEMORY_OF_CONNECTION;
        return (int) Math.max(16, Math.min(MOST_CONNECTIONS, Math.min(files, heap)));
    }

    private static long openFiles() {
        OperatingSystemMXBean system = ManagementFactory.getOperatingSystemMXBean();
        return system instanceof UnixOperatingSystemMXBean
                ? ((UnixOperatingSystemMXBean) system).getMaxFileDescriptorCount()
                : 2L * MOST_CONNECTIONS;
    }

    static Duration seconds(String property, String otherwise) {
        String seconds = System.getProperty(property, otherwise);
        return Duration.ofMillis((long) (1000 * Double.parseDouble(seconds)));
    }
}
