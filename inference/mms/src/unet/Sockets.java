package unet;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Removes the sockets of processes that have ended: Multi Model Server (MMS) leaves them all. */
final class Sockets {

    private static final String PREFIX = ".mms.sock."; // and the number of a worker
    private static final Logger LOG = LoggerFactory.getLogger(Sockets.class);

    private final Path folder;
    private final Duration young;

    /** @param young for so long a socket stays whose worker is not known yet */
    Sockets(Path folder, Duration young) {
        this.folder = folder;
        this.young = young;
    }

    /** @param used the numbers of the workers that are there */
    void removeAllBut(Set<String> used) {
        try (DirectoryStream<Path> sockets = Files.newDirectoryStream(folder, PREFIX + "*")) {
            for (Path socket : sockets) {
                String number = socket.getFileName().toString().substring(PREFIX.length());
                if (!used.contains(number) && isOld(socket)) {
                    Files.deleteIfExists(socket);
                }
            }
        } catch (IOException e) {
            LOG.warn("cannot remove the sockets of processes that have ended", e);
        }
    }

    private boolean isOld(Path socket) throws IOException {
        Instant made = Files.getLastModifiedTime(socket).toInstant();
        return Duration.between(made, Instant.now()).abs().compareTo(young) >= 0;
    }
}
