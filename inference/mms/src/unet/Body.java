package unet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;

/**
 * The body of a request, as far as it has come. It takes memory as it comes, in small pieces: for
 * an array that grows Java would need much free memory in one place.
 */
final class Body {

    static final String NO_MEMORY =
            "server holds as many large requests as its memory allows;"
                    + " send the request again later";

    private static final int PIECE = 64 * 1024; // bytes

    private final Memory.Part part;
    private final int largest;
    private final int expected;
    private final List<byte[]> pieces = new ArrayList<>(1);
    private byte[] whole = new byte[0];
    private int size;
    private int room; // bytes of the last piece that are free

    /**
     * @param part the memory for it
     * @param largest the most bytes that it may have
     * @param expected how many it will have; where that is not known, {@code largest}
     */
    Body(Memory.Part part, int largest, int expected) {
        this.part = part;
        this.largest = largest;
        this.expected = expected;
    }

    /**
     * Adds a copy of the next bytes.
     *
     * @throws Refusal 413 where they are too many, 503 where the memory is short
     */
    void add(ByteBuf next) throws Refusal {
        int more = next.readableBytes();
        if (more > largest - size) {
            throw Limits.tooLarge(largest);
        }
        for (int begin = 0; begin < more; ) {
            if (room == 0) {
                addPiece();
            }
            byte[] piece = pieces.get(pieces.size() - 1);
            int length = Math.min(room, more - begin);
            next.getBytes(next.readerIndex() + begin, piece, piece.length - room, length);
            room -= length;
            begin += length;
            size += length;
        }
        part.moved(more);
    }

    private void addPiece() throws Refusal {
        int capacity = Math.max(1, Math.min(PIECE, expected - size));
        if (!part.take(capacity)) {
            throw Refusal.unavailable(NO_MEMORY);
        }
        pieces.add(new byte[capacity]);
        room = capacity;
    }

    /**
     * All of it has come: makes one array of it. Multi Model Server (MMS) takes the whole array
     * below the buffer, so that has no other bytes.
     */
    ByteBuf complete() {
        part.settle(size);
        if (pieces.size() == 1 && room == 0) {
            whole = pieces.get(0);
        } else {
            whole = new byte[size];
            int begin = 0;
            for (byte[] piece : pieces) {
                System.arraycopy(piece, 0, whole, begin, Math.min(piece.length, size - begin));
                begin += piece.length;
            }
        }
        pieces.clear();
        return Unpooled.wrappedBuffer(whole);
    }

    /** Gives the memory back: nobody needs the body any more. */
    void release() {
        part.release();
        pieces.clear();
        whole = new byte[0];
    }

    /** Gives the memory back when MMS, which was handed the body, lets go of it. */
    void leaveToMms() {
        part.releaseWith(whole);
        whole = new byte[0];
    }
}
