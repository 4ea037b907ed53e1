package unet;

import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpVersion;

final class PendingRequestTest {

    private final PendingRequest request =
            new PendingRequest(
                    new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.POST, "/models?c=d"));

    @Test
    void theLogNamesItAsItCame() {
        Check.equal("POST /models?c=d", request.toString());
    }

    @Test
    void whetherItLoadsAModelIsKnownByItsRoute() {
        Check.that(!request.loadsModel(), "its route is not known");
        request.asksFor(null, Route.MODELS);
        Check.that(request.loadsModel(), "it is a POST to the models");
    }

    @Test
    void whatCouldNotBeReadIsCut() {
        String line = PendingRequest.unread("\u0016\u0003" + "x".repeat(10_000)).toString();
        Check.equal("??" + "x".repeat(98) + "…", line);
    }
}
