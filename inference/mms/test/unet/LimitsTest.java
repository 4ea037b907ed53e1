package unet;

import io.netty.handler.codec.http.HttpResponseStatus;
import java.time.Duration;

final class LimitsTest {

    private final Limits limits = Limits.ofProperties(100_000);

    @Test
    void loadBalancersCloseBeforeTheServerDoes() {
        Check.that(limits.keepAlive().compareTo(Duration.ofSeconds(60)) > 0, "60 s is their limit");
        Check.equal(Duration.ofSeconds(30), limits.idle());
    }

    @Test
    void connectionsFollowFilesAndHeap() {
        Check.that(Limits.connections() >= 16, "some are always taken");
        Check.that(Limits.connections() <= 4096, "more are never needed");
    }

    @Test
    void onlyImagesAreLarge() {
        Check.equal(100_000, limits.largestBody(Route.INVOKE));
        Check.equal(65_536, limits.largestBody(Route.MODELS));
    }

    @Test
    void theHeapHoldsABodySeveralTimes() {
        Check.equal(1000, Limits.thatFits(1000));
        long heap = Runtime.getRuntime().maxMemory();
        Check.that(Limits.thatFits(Integer.MAX_VALUE) <= heap / 4, "a quarter at most");
    }

    @Test
    void aLimitIsNamed() {
        Refusal refusal = Limits.tooLarge(1000);
        Check.equal(HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE, refusal.status());
        Check.contains("larger than the 1,000 bytes", refusal.getMessage());
        Check.contains("SAGEMAKER_MAX_PAYLOAD_IN_MB", refusal.getMessage());
    }
}
