package unet;

import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpResponseStatus;

/** Adds what the error answers of MMS and Netty lack: the reason, and when to try again. */
final class ErrorDetails {

    private static final int RETRY_AFTER_SECONDS = 1;
    private static final String TOO_LARGE =
            "body is larger than the %,d bytes that this server takes"
                    + " (SAGEMAKER_MAX_PAYLOAD_IN_MB); send less";

    private final int largestBody;

    /** @param largestBody the most bytes that the body of a request may have */
    ErrorDetails(int largestBody) {
        this.largestBody = largestBody;
    }

    /** @return {@code response} itself, or the answer that takes its place */
    FullHttpResponse addTo(FullHttpResponse response) {
        HttpResponseStatus status = response.status();
        if (status.equals(HttpResponseStatus.SERVICE_UNAVAILABLE)) {
            response.headers().set(HttpHeaderNames.RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        boolean tooLarge = status.equals(HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE);
        if (tooLarge && !response.content().isReadable()) {
            String message = String.format(TOO_LARGE, largestBody);
            return Answers.replace(response, Answers.error(status, "PayloadTooLarge", message));
        }
        return response;
    }
}
