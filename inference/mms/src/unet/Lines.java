package unet;

import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Cuts bytes into lines that end with CR and LF. A CR or LF that stands alone is refused: some
 * proxies take it for the end of a line, and others do not, and then they differ in where a request
 * ends.
 */
final class Lines {

    private final int largest;
    private byte[] line = new byte[128];
    private int length; // of the line that is arriving
    private int total; // bytes since the last reset, line breaks included

    /** @param largest the most bytes that all lines up to a reset may have */
    Lines(int largest) {
        this.largest = largest;
    }

    /** Begins a new block of lines. */
    void reset() {
        length = 0;
        total = 0;
    }

    /** Whether bytes of the block have come. */
    boolean hasBegun() {
        return total > 0;
    }

    /** What has come of the line that is arriving. */
    String begun() {
        return new String(line, 0, length, StandardCharsets.ISO_8859_1);
    }

    /**
     * Reads up to the end of the line.
     *
     * @return the line, without its end; null: its end has not come yet
     * @throws Refusal 431 where there are too many bytes, 400 where a line ends otherwise
     */
    String next(ByteBuf bytes) throws Refusal {
        while (bytes.isReadable()) {
            byte next = bytes.readByte();
            total++;
            if (total > largest) {
                throw Refusal.headTooLarge(
                        String.format(
                                "headers have more than the %,d bytes that this server takes;"
                                        + " send fewer or shorter ones",
                                largest));
            }
            boolean afterReturn = length > 0 && line[length - 1] == '\r';
            if (afterReturn != (next == '\n') || next == 0) {
                throw Refusal.badRequest(
                        "a line of the head has a lone CR or LF, or a NUL;"
                                + " end each line with CR and LF");
            }
            if (next == '\n') {
                String text = new String(line, 0, length - 1, StandardCharsets.ISO_8859_1);
                length = 0;
                return text;
            }
            append(next);
        }
        return null;
    }

    private void append(byte next) {
        if (length == line.length) {
            line = Arrays.copyOf(line, 2 * length);
        }
        line[length++] = next;
    }
}
