package unet;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpUtil;
import java.util.function.BooleanSupplier;

/** Decides by the head of a request whether it comes in. */
final class Admission {

    static final String DRAINING =
            "server is shutting down; send the request again, to another one";

    private final BooleanSupplier draining;
    private final boolean management;
    private final Shared shared;

    /**
     * @param draining whether the server takes no more requests
     * @param management whether models can be listed, loaded and unloaded
     * @param shared with other connections: limits, documents, and the origins of scripts
     */
    Admission(BooleanSupplier draining, boolean management, Shared shared) {
        this.draining = draining;
        this.management = management;
        this.shared = shared;
    }

    /** Whether models can be listed, loaded and unloaded. */
    boolean management() {
        return management;
    }

    /** Notes in {@code request} what it asks for. @throws Refusal why it does not come in */
    void check(PendingRequest request, HttpRequest head) throws Refusal {
        if (!head.decoderResult().isSuccess()) {
            String reason = head.decoderResult().cause().getMessage();
            throw Refusal.badRequest("head is malformed: %s; send HTTP/1.1", reason);
        }
        if (draining.getAsBoolean()) {
            throw Refusal.unavailable(DRAINING);
        }
        shared.origins.check(head);
        Target target = new Target(head.uri());
        Route route = Route.of(methodOf(head), target, shared.documents, management);
        if (route != Route.INVOKE) {
            Target.checkEscapes(target.query());
        }
        request.asksFor(target, route);
        checkBody(head, shared.limits.largestBody(route));
    }

    /** Its own, or the one that a browser asks for on behalf of a script. */
    private static String methodOf(HttpRequest head) {
        return Origins.isPreflight(head)
                ? head.headers().get(HttpHeaderNames.ACCESS_CONTROL_REQUEST_METHOD)
                : head.method().name();
    }

    private static void checkBody(HttpRequest head, int largest) throws Refusal {
        String expected = head.headers().get(HttpHeaderNames.EXPECT);
        if (expected != null && !HttpHeaderValues.CONTINUE.contentEqualsIgnoreCase(expected)) {
            throw Refusal.expectationFailed(
                    "Expect is " + Text.quote(expected) + "; this server knows 100-continue only");
        }
        if (HttpUtil.getContentLength(head, 0L) > largest) {
            throw Limits.tooLarge(largest);
        }
    }
}
