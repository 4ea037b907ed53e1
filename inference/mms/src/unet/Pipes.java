package unet;

import com.amazonaws.ml.mms.wlm.WorkerThread;
import io.netty.channel.Channel;
import java.io.Closeable;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The named pipes that workers print to. Multi Model Server (MMS) opens both ends of each, so that
 * nothing tells it when a worker has ended that was killed: for every such worker it keeps two
 * files, two descriptors and two threads until it ends itself.
 */
final class Pipes {

    private static final Logger LOG = LoggerFactory.getLogger(Pipes.class);
    private static final long LAST_WORDS_SECONDS = 2; // in which MMS reads what the worker printed

    private final Path folder;
    private final Supplier<? extends Collection<WorkerThread>> workers;
    private final Field connection;
    private final List<Field> ends;

    /**
     * @param folder of the pipes
     * @param workers that there are
     * @throws IllegalStateException MMS is another one
     */
    Pipes(Path folder, Supplier<? extends Collection<WorkerThread>> workers) {
        this.folder = folder;
        this.workers = workers;
        connection = field("backendChannel");
        ends = List.of(field("out"), field("err"));
    }

    private static Field field(String name) {
        try {
            Field field = WorkerThread.class.getDeclaredField(name);
            field.setAccessible(true);
            return field;
        } catch (NoSuchFieldException e) {
            throw new IllegalStateException(
                    "multi-model-server is not the one that this server was written for: " + e, e);
        }
    }

    /** The connection to a worker has ended, and the worker with it. In the event loop of that. */
    void end(Channel ended) {
        List<Closeable> open = openOf(ended);
        ended.eventLoop().schedule(() -> remove(ended, open), LAST_WORDS_SECONDS, TimeUnit.SECONDS);
    }

    /** What MMS reads of the worker: later it may be what it reads of the next one. */
    private List<Closeable> openOf(Channel ended) {
        List<Closeable> open = new ArrayList<>();
        try {
            for (WorkerThread worker : workers.get()) {
                if (connection.get(worker) == ended) {
                    for (Field end : ends) {
                        open.add((Closeable) end.get(worker));
                    }
                }
            }
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e); // they were made accessible
        }
        open.removeIf(end -> end == null); // it has not loaded its model
        return open;
    }

    private void remove(Channel ended, List<Closeable> open) {
        try {
            for (Closeable end : open) {
                end.close();
            }
            for (String name : new String[] {"-stdout", "-stderr"}) {
                Files.deleteIfExists(folder.resolve(ended.id().asLongText() + name));
            }
        } catch (IOException e) {
            LOG.warn("cannot remove the pipes of a worker that has ended", e);
        }
    }
}
