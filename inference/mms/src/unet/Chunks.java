package unet;

import io.netty.buffer.ByteBuf;
import java.util.regex.Pattern;

/**
 * Follows a body in chunks to its end. Extensions of chunks are refused: proxies differ in how they
 * read them.
 */
final class Chunks {

    private enum State {
        SIZE,
        DATA,
        END_OF_DATA,
        TRAILER,
        ENDED
    }

    private static final Pattern SIZE = Pattern.compile("0*[0-9A-Fa-f]{1,7}");
    private static final int LARGEST_SIZE = 32; // bytes, of the line with the size of a chunk

    private final Lines sizes = new Lines(LARGEST_SIZE);
    private final Lines trailer = new Lines(Head.LARGEST);
    private State state = State.SIZE;
    private long left; // bytes of the chunk

    boolean haveEnded() {
        return state == State.ENDED;
    }

    /**
     * Moves the reader index forward, to the end of the body at most.
     *
     * @throws Refusal 400 where the chunks are malformed
     */
    void skip(ByteBuf bytes) throws Refusal {
        while (bytes.isReadable() && state != State.ENDED) {
            switch (state) {
                case SIZE:
                    readSize(bytes);
                    break;
                case DATA:
                    readData(bytes);
                    break;
                case END_OF_DATA:
                    readEndOfData(bytes);
                    break;
                default:
                    readTrailer(bytes);
                    break;
            }
        }
    }

    private void readSize(ByteBuf bytes) throws Refusal {
        String line = line(sizes, bytes);
        if (line == null) {
            return;
        }
        if (!SIZE.matcher(line).matches()) {
            throw malformed("the size of a chunk is " + Text.quote(line));
        }
        left = Long.parseLong(line, 16);
        state = left == 0 ? State.TRAILER : State.DATA;
    }

    private void readData(ByteBuf bytes) {
        int part = (int) Math.min(left, bytes.readableBytes());
        bytes.skipBytes(part);
        left -= part;
        if (left == 0) {
            state = State.END_OF_DATA;
        }
    }

    private void readEndOfData(ByteBuf bytes) throws Refusal {
        String line = line(sizes, bytes);
        if (line == null) {
            return;
        }
        if (!line.isEmpty()) {
            throw malformed("a chunk is longer than its size");
        }
        state = State.SIZE;
    }

    private void readTrailer(ByteBuf bytes) throws Refusal {
        String line = trailer.next(bytes);
        if (line == null) {
            return;
        }
        if (line.isEmpty()) {
            state = State.ENDED;
        } else {
            Head.checkField(line);
        }
    }

    private static String line(Lines lines, ByteBuf bytes) throws Refusal {
        try {
            String line = lines.next(bytes);
            if (line != null) {
                lines.reset();
            }
            return line;
        } catch (Refusal e) {
            throw malformed("a line between chunks is malformed");
        }
    }

    private static Refusal malformed(String what) {
        return Refusal.badRequest(
                "%s; send each chunk as its size in hexadecimal digits, CR, LF, data, CR, LF,"
                        + " without extensions",
                what);
    }
}
