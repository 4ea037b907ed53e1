package unet;

import io.netty.handler.codec.http.HttpResponseStatus;

/** Why a request is answered before Multi Model Server (MMS) sees it: a status and its reason. */
final class Refusal extends Exception {

    private static final long serialVersionUID = 1L;

    private final transient HttpResponseStatus status;
    private final String type;
    private final String allow;

    private Refusal(HttpResponseStatus status, String type, String allow, String message) {
        super(message, null, false, false); // it is an answer: nobody needs to know from where
        this.status = status;
        this.type = type;
        this.allow = allow;
    }

    private Refusal(HttpResponseStatus status, String type, String message) {
        this(status, type, "", message);
    }

    static Refusal badRequest(String message, Object... arguments) {
        return new Refusal(
                HttpResponseStatus.BAD_REQUEST,
                "BadRequestException",
                String.format(message, arguments));
    }

    static Refusal forbidden(String message, Object... arguments) {
        return new Refusal(
                HttpResponseStatus.FORBIDDEN,
                "ForbiddenException",
                String.format(message, arguments));
    }

    static Refusal notFound(String message) {
        return new Refusal(HttpResponseStatus.NOT_FOUND, "ResourceNotFoundException", message);
    }

    static Refusal conflict(String message, Object... arguments) {
        return new Refusal(
                HttpResponseStatus.CONFLICT,
                "ConflictStatusException",
                String.format(message, arguments));
    }

    /** @param allow the methods that there are, as the header Allow lists them */
    static Refusal notAllowed(String allow, String message) {
        HttpResponseStatus status = HttpResponseStatus.METHOD_NOT_ALLOWED;
        return new Refusal(status, "MethodNotAllowedException", allow, message);
    }

    static Refusal tooSlow(String message) {
        return new Refusal(HttpResponseStatus.REQUEST_TIMEOUT, "RequestTimeoutException", message);
    }

    static Refusal tooLarge(String message, Object... arguments) {
        return new Refusal(
                HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE,
                "PayloadTooLarge",
                String.format(message, arguments));
    }

    static Refusal headTooLarge(String message) {
        HttpResponseStatus status = HttpResponseStatus.REQUEST_HEADER_FIELDS_TOO_LARGE;
        return new Refusal(status, "RequestHeaderFieldsTooLarge", message);
    }

    static Refusal expectationFailed(String message) {
        return new Refusal(
                HttpResponseStatus.EXPECTATION_FAILED, "ExpectationFailedException", message);
    }

    static Refusal unavailable(String message) {
        return new Refusal(
                HttpResponseStatus.SERVICE_UNAVAILABLE, "ServiceUnavailableException", message);
    }

    HttpResponseStatus status() {
        return status;
    }

    String type() {
        return type;
    }

    /** What the header Allow lists; empty: the answer has no such header. */
    String allow() {
        return allow;
    }
}
