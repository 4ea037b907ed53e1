package unet;

import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;

/** Finds the head, the body and the end of one request after the other among the bytes. */
final class RequestBytes {

    private final Lines lines = new Lines(Head.LARGEST);
    private final List<String> head = new ArrayList<>();
    private boolean inHead = true;
    private Chunks chunks; // null: the body has none
    private long left; // bytes of a body without chunks

    /** Begins with the next request. */
    void reset() {
        inHead = true;
        head.clear();
        lines.reset();
    }

    /** Whether bytes of the request have come. */
    boolean hasBegun() {
        return !inHead || lines.hasBegun();
    }

    /** Whether the end of its head is still to come. */
    boolean isInHead() {
        return inHead;
    }

    boolean isComplete() {
        return !inHead && (chunks == null ? left == 0 : chunks.haveEnded());
    }

    /** The line that it begins with, or what has come of it. */
    String firstLine() {
        return head.isEmpty() ? lines.begun() : head.get(0);
    }

    /**
     * Takes the next part of the request: the head as a whole, or of the body what is there.
     *
     * @return null where the end of the head is not there
     * @throws Refusal where it is malformed, ambiguous, or has too large a head
     */
    ByteBuf next(ByteBuf bytes) throws Refusal {
        if (inHead) {
            return nextOfHead(bytes);
        }
        int begin = bytes.readerIndex();
        if (chunks == null) {
            int length = (int) Math.min(left, bytes.readableBytes());
            bytes.skipBytes(length);
            left -= length;
        } else {
            chunks.skip(bytes);
        }
        return bytes.retainedSlice(begin, bytes.readerIndex() - begin);
    }

    private ByteBuf nextOfHead(ByteBuf bytes) throws Refusal {
        for (String line = lines.next(bytes); line != null; line = lines.next(bytes)) {
            if (!line.isEmpty()) {
                head.add(line);
            } else if (!head.isEmpty()) { // RFC 9112 lets clients send empty lines before it
                Head request = new Head(head);
                inHead = false;
                chunks = request.isChunked() ? new Chunks() : null;
                left = request.length();
                return request.bytes();
            }
        }
        return null;
    }
}
