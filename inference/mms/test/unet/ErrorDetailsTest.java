package unet;

import static unet.TestConnection.header;
import static unet.TestConnection.response;
import static unet.TestConnection.text;

import io.netty.handler.codec.http.FullHttpResponse;

final class ErrorDetailsTest {

    private final ErrorDetails details = new ErrorDetails(6_291_456);

    @Test
    void whatIsTooLargeIsToldTheLimit() {
        FullHttpResponse original = response(413, "");
        original.headers().set("x-request-id", "7");
        FullHttpResponse answer = details.addTo(original);
        Check.equal(413, answer.status().code());
        Check.equal(
                "{\n  \"code\": 413,\n  \"type\": \"PayloadTooLarge\",\n  \"message\": \"body is"
                    + " larger than the 6,291,456 bytes that this server takes"
                    + " (SAGEMAKER_MAX_PAYLOAD_IN_MB); send less\"\n}\n",
                text(answer));
        Check.equal("application/json", header(answer, "content-type"));
        Check.equal("" + answer.content().readableBytes(), header(answer, "content-length"));
        Check.equal("7", header(answer, "x-request-id"));
        Check.equal(0, original.refCnt());
    }

    @Test
    void theEndOfAConnectionStays() {
        FullHttpResponse original = response(413, "");
        original.headers().set("connection", "close");
        Check.equal("close", header(details.addTo(original), "connection"));
    }

    @Test
    void aReasonThatIsThereStays() {
        FullHttpResponse original = response(413, "{\"message\": \"too many pixels\"}");
        Check.same(original, details.addTo(original));
        Check.equal(null, header(original, "retry-after"));
    }

    @Test
    void whoComesAtABadTimeIsToldWhenToComeAgain() {
        FullHttpResponse original = response(503, "busy");
        Check.same(original, details.addTo(original));
        Check.equal("1", header(original, "retry-after"));
        Check.equal("busy", text(original));
    }

    @Test
    void otherAnswersStay() {
        FullHttpResponse original = response(200, "");
        Check.same(original, details.addTo(original));
        Check.equal(null, header(original, "retry-after"));
    }
}
