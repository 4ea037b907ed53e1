package unet;

import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpRequest;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** What is kept of a request until it is answered. */
final class PendingRequest {

    private static final int LARGEST_BODY = 64 * 1024; // bytes, of what is kept of a body

    private final String method;
    private final String uri;
    private final ByteArrayOutputStream body = new ByteArrayOutputStream(0);
    private boolean bodyTooLarge;
    private Optional<String> refusal = Optional.empty();

    PendingRequest(HttpRequest request) {
        method = request.method().name();
        uri = request.uri();
    }

    String method() {
        return method;
    }

    /** The path and the query string. */
    String uri() {
        return uri;
    }

    String path() {
        int query = uri.indexOf('?');
        return query < 0 ? uri : uri.substring(0, query);
    }

    /** Keeps a copy of the next part of the body. */
    void keep(ByteBuf part) {
        bodyTooLarge = bodyTooLarge || body.size() + part.readableBytes() > LARGEST_BODY;
        if (!bodyTooLarge) {
            byte[] bytes = new byte[part.readableBytes()];
            part.getBytes(part.readerIndex(), bytes);
            body.write(bytes, 0, bytes.length);
        }
    }

    /** What was kept of the body; empty where that is not all of it. */
    Optional<String> body() {
        return bodyTooLarge
                ? Optional.empty()
                : Optional.of(body.toString(StandardCharsets.UTF_8));
    }

    /** Sets why it is refused: it is answered when all earlier requests are. */
    void refuse(String reason) {
        refusal = Optional.of(reason);
    }

    /** Why it is refused; empty where it is not. */
    Optional<String> refusal() {
        return refusal;
    }

    /** As the log names it. */
    @Override
    public String toString() {
        return method + " " + uri;
    }
}
