package unet;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;

final class SocketsTest {

    private final Path folder = Files.createTempDirectory("sockets");
    private final Path used = Files.createFile(folder.resolve(".mms.sock.9000"));
    private final Path left = Files.createFile(folder.resolve(".mms.sock.9001"));
    private final Path other = Files.createFile(folder.resolve("java.args"));

    SocketsTest() throws IOException {}

    @Test
    void theOneOfAWorkerThatEndedIsRemoved() {
        new Sockets(folder, Duration.ZERO).removeAllBut(Set.of("9000"));
        Check.that(Files.exists(used), "its worker is there");
        Check.that(!Files.exists(left), "its worker has ended");
        Check.that(Files.exists(other), "it is no socket");
    }

    @Test
    void theOneOfAWorkerThatMayJustStartStays() {
        new Sockets(folder, Duration.ofMinutes(1)).removeAllBut(Set.of());
        Check.that(Files.exists(left), "it is young");
    }
}
