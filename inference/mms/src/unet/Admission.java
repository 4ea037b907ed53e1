package unet;

import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpUtil;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * Decides whether the requests of one connection come in, and holds the room for their bodies.
 *
 * <p>It is used in the connection's event loop only.
 */
final class Admission {

    static final String DRAINING =
            "server is shutting down; send the request again, to another one";
    static final String FULL =
            "server holds as many large requests as its memory allows;"
                    + " send the request again later";

    private final BodyMemory memory;
    private final BooleanSupplier draining;
    private long reserved; // bytes, for the bodies of this connection

    /**
     * @param memory what all connections share
     * @param draining whether the server takes no more requests
     */
    Admission(BodyMemory memory, BooleanSupplier draining) {
        this.memory = memory;
        this.draining = draining;
    }

    /** @return why the request is refused; empty where it comes in */
    Optional<String> refusal(HttpRequest request) {
        if (!reserve(bodyLength(request))) {
            return Optional.of(FULL);
        }
        return draining.getAsBoolean() ? Optional.of(DRAINING) : Optional.empty();
    }

    /** Gives the room for all bodies of this connection back. */
    void release() {
        memory.release(reserved);
        reserved = 0;
    }

    private boolean reserve(long bytes) {
        boolean room = memory.reserve(bytes);
        if (room) {
            reserved += bytes;
        }
        return room;
    }

    /** Netty hands on a request that it could not parse, too, whatever its headers say. */
    private static long bodyLength(HttpRequest request) {
        return request.decoderResult().isSuccess() ? HttpUtil.getContentLength(request, 0L) : 0;
    }
}
