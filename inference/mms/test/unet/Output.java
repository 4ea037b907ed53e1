package unet;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Collectors;

/** What the code under test prints, the log included. */
final class Output {

    private static final ByteArrayOutputStream BYTES = new ByteArrayOutputStream();

    private Output() {}

    static PrintStream capture() {
        return new PrintStream(BYTES, true, StandardCharsets.UTF_8);
    }

    /** The lines that were printed since the last call. */
    static List<String> takeLines() {
        synchronized (BYTES) { // as its own methods do
            String text = BYTES.toString(StandardCharsets.UTF_8);
            BYTES.reset();
            return text.lines().collect(Collectors.toList());
        }
    }
}
