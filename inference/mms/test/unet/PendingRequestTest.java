package unet;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpVersion;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

final class PendingRequestTest {

    private final PendingRequest request =
            new PendingRequest(
                    new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.POST, "/a/b?c=/d?e"));

    @Test
    void thePathEndsAtTheQueryString() {
        Check.equal("/a/b", request.path());
        Check.equal("POST /a/b?c=/d?e", request.toString());
    }

    @Test
    void partsOfABodyAreJoined() {
        keep("grö");
        keep("ße");
        Check.equal(Optional.of("größe"), request.body());
    }

    @Test
    void aBodyOf64KilobytesIsKept() {
        keep("x".repeat(64 * 1024));
        Check.equal(64 * 1024, request.body().orElseThrow().length());
    }

    @Test
    void nothingIsKeptOfALargerBody() {
        keep("x".repeat(64 * 1024 + 1));
        keep("{}");
        Check.equal(Optional.empty(), request.body());
    }

    private void keep(String part) {
        request.keep(Unpooled.copiedBuffer(part, StandardCharsets.UTF_8));
    }
}
