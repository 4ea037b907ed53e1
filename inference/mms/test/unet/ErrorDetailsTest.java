package unet;

import static unet.TestConnection.header;
import static unet.TestConnection.response;

import io.netty.handler.codec.http.FullHttpResponse;

final class ErrorDetailsTest {

    @Test
    void whoComesAtABadTimeIsToldWhenToComeAgain() {
        FullHttpResponse answer = response(503, "busy");
        ErrorDetails.addTo(answer);
        Check.equal("1", header(answer, "retry-after"));
    }

    @Test
    void otherAnswersAreNotTold() {
        FullHttpResponse answer = response(500, "");
        ErrorDetails.addTo(answer);
        Check.equal(null, header(answer, "retry-after"));
    }

    @Test
    void eachAnswerHasARequestId() {
        FullHttpResponse answer = response(200, "");
        ErrorDetails.addTo(answer);
        Check.equal(36, header(answer, "x-request-id").length());
    }

    @Test
    void theRequestIdOfMmsStays() {
        FullHttpResponse answer = response(200, "");
        answer.headers().set("x-request-id", "7");
        ErrorDetails.addTo(answer);
        Check.equal("7", header(answer, "x-request-id"));
    }
}
