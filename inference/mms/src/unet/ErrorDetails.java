package unet;

import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.util.UUID;

/** Adds what the answers of MMS may lack: a request id, when to try again, and what they are. */
final class ErrorDetails {

    private static final int RETRY_AFTER_SECONDS = 1;

    private ErrorDetails() {}

    static void addTo(FullHttpResponse response) {
        if (response.status().equals(HttpResponseStatus.SERVICE_UNAVAILABLE)) {
            response.headers().set(HttpHeaderNames.RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        // the type is what we say, whatever the bytes look like to a browser
        response.headers().set("x-content-type-options", "nosniff");
        if (!response.headers().contains(Contract.REQUEST_ID_HEADER)) {
            response.headers().set(Contract.REQUEST_ID_HEADER, UUID.randomUUID());
        }
    }
}
