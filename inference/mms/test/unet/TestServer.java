package unet;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.LoggerFactory;

/** What the connections of one server share. */
final class TestServer {

    private final Drain drain;
    private Duration idle = Duration.ofSeconds(30);
    private Duration keepAlive = Duration.ofSeconds(75);
    private int connections = 100;
    private Memory bodies = new Memory(1_000_000);
    private Memory answers = new Memory(1_000_000);
    private Optional<Path> loadErrors = Optional.empty();
    private Documents documents = Documents.none();
    private Origins origins = new Origins(Set.of());
    private Waiting waiting = new Waiting(Optional.empty(), List::of, of -> null);
    private Progress progress = new Progress(Optional.empty());
    private ModelChanges changes = new ModelChanges(name -> true);
    private Shared shared;

    TestServer(Drain drain) {
        this.drain = drain;
    }

    TestServer() {
        this(new Drain(Duration.ofSeconds(25)));
    }

    TestServer waiting(Duration idle, Duration keepAlive) {
        this.idle = idle;
        this.keepAlive = keepAlive;
        return this;
    }

    TestServer taking(int connections) {
        this.connections = connections;
        return this;
    }

    TestServer remembering(Memory bodies, Memory answers) {
        this.bodies = bodies;
        this.answers = answers;
        return this;
    }

    TestServer writingReasonsTo(Path folder) {
        loadErrors = Optional.of(folder);
        return this;
    }

    TestServer serving(Documents documents) {
        this.documents = documents;
        return this;
    }

    TestServer naming(String... origins) {
        this.origins = new Origins(Set.of(origins));
        return this;
    }

    TestServer computing(Waiting waiting) {
        this.waiting = waiting;
        return this;
    }

    TestServer readingProgressFrom(Path folder) {
        progress = new Progress(Optional.of(folder));
        return this;
    }

    TestServer changing(ModelChanges changes) {
        this.changes = changes;
        return this;
    }

    /** Made at the first call: what is set later changes nothing. */
    Shared shared() {
        if (shared == null) {
            shared =
                    new Shared(
                            drain,
                            new Limits(
                                    idle, keepAlive, idle, TestConnection.LARGEST_BODY),
                            new Connections(connections),
                            bodies,
                            new Memory(1_000_000),
                            answers,
                            new ModelRequests(Optional.of("ours")),
                            new LoadReasons(loadErrors),
                            documents,
                            origins,
                            waiting,
                            progress,
                            new Unloaded(List::of),
                            changes,
                            new Uses(),
                            new AccessLog(LoggerFactory.getLogger(Contract.ACCESS_LOGGER)));
        }
        return shared;
    }

    Admission admission() {
        return new Admission(drain::hasBegun, true, shared());
    }
}
