package unet;

import io.netty.buffer.ByteBuf;

/**
 * Where an answer of a worker ends, among its bytes: status, message, and predictions with texts,
 * headers and a body, each behind its length; -1 is the end.
 */
final class AnswerFrame {

    static final long UNKNOWN = -1;

    private static final int INTEGER = 4; // bytes
    private static final int END = -1;

    private final ByteBuf bytes;
    private long at; // how far it is read

    private AnswerFrame(ByteBuf bytes) {
        this.bytes = bytes;
    }

    /**
     * The bytes of the answer that begins where {@code bytes} are read; they are known before the
     * body has come, which is the last of it; {@link #UNKNOWN}: more must come.
     *
     * @throws IllegalStateException it is no answer of a worker
     */
    static long lengthOf(ByteBuf bytes) {
        return new AnswerFrame(bytes).length();
    }

    private long length() {
        if (!skipInteger() || !skipText()) { // status, message
            return UNKNOWN;
        }
        while (has(INTEGER)) {
            if (integer() == END) {
                return at + INTEGER;
            }
            if (!skipHeadOfPrediction() || !has(INTEGER)) {
                return UNKNOWN;
            }
            long body = checked(integer());
            at += INTEGER + body;
            if (!has(INTEGER)) {
                return at + INTEGER; // a worker answers one request at a time
            }
        }
        return UNKNOWN;
    }

    private boolean skipHeadOfPrediction() {
        boolean there = skipText() && skipText() && skipInteger() && skipText(); // up to the reason
        if (!there || !has(INTEGER)) {
            return false;
        }
        int headers = checked(integer());
        at += INTEGER;
        for (int i = 0; i < headers; i++) {
            if (!skipText() || !skipText()) {
                return false;
            }
        }
        return true;
    }

    private boolean skipInteger() {
        at += INTEGER;
        return has(0);
    }

    private boolean skipText() {
        if (!has(INTEGER)) {
            return false;
        }
        at += INTEGER + checked(integer());
        return has(0);
    }

    private static int checked(int length) {
        if (length < 0) {
            throw new IllegalStateException("a worker answered something with length " + length);
        }
        return length;
    }

    private int integer() {
        return bytes.getInt((int) (bytes.readerIndex() + at));
    }

    private boolean has(int more) {
        return at + more <= bytes.readableBytes();
    }
}
