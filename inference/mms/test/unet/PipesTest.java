package unet;

import io.netty.channel.embedded.EmbeddedChannel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

final class PipesTest {

    private final Path folder = Files.createTempDirectory("pipes");
    private final EmbeddedChannel connection = new EmbeddedChannel();

    PipesTest() throws IOException {}

    @Test
    void thoseOfAWorkerThatHasEndedAreRemoved() throws IOException, InterruptedException {
        Path mine = Files.createFile(folder.resolve(connection.id().asLongText() + "-stdout"));
        Path other = Files.createFile(folder.resolve("other-stdout"));
        new Pipes(folder, List::of).end(connection);
        Check.that(Files.exists(mine), "what the worker printed is read first");
        Check.eventually(
                () -> {
                    connection.runScheduledPendingTasks();
                    return !Files.exists(mine);
                },
                "it is removed");
        Check.that(Files.exists(other), "it is of another worker");
    }
}
