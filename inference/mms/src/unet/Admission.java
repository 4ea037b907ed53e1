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
    private final Limits limits;

    /**
     * @param draining whether the server takes no more requests
     * @param management whether models can be listed, loaded and unloaded
     * @param limits of what clients may take
     */
    Admission(BooleanSupplier draining, boolean management, Limits limits) {
        this.draining = draining;
        this.management = management;
        this.limits = limits;
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
        Target target = new Target(head.uri());
        Route route = Route.of(head.method().name(), target, management);
        if (route != Route.INVOKE) {
            Target.checkEscapes(target.query());
        }
        request.asksFor(target, route);
        checkBody(head, limits.largestBody(route));
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
