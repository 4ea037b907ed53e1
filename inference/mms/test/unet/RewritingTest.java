package unet;

import static unet.TestConnection.text;

import io.netty.handler.codec.http.FullHttpRequest;
import java.nio.charset.StandardCharsets;

/** What MMS, and the worker, see of a request. */
final class RewritingTest {

    private final TestConnection connection = new TestConnection();

    @Test
    void ourHeadersAreRemoved() {
        FullHttpRequest request =
                send("POST /invocations", "X-Unet-Logged: a\r\nx-unet-query: output=mask\r\n", "");
        Check.that(!request.headers().contains("x-unet-logged"), "it was there");
        Check.that(!request.headers().contains("x-unet-query"), "it was there");
    }

    @Test
    void headersThatRepeatAreJoined() {
        FullHttpRequest request =
                send("POST /invocations", "Accept: image/png\r\nACCEPT: image/tiff\r\n", "");
        Check.equal(1, request.headers().getAll("accept").size());
        Check.equal("image/png, image/tiff", request.headers().get("accept"));
    }

    @Test
    void theQueryStringIsAHeader() {
        FullHttpRequest request = send("POST /invocations?output=mask&range=1%:99%", "", "");
        Check.equal("/invocations", request.uri());
        Check.equal("output=mask&range=1%:99%", request.headers().get("x-unet-query"));
    }

    @Test
    void withoutAQueryStringThereIsNoHeader() {
        FullHttpRequest request = send("POST /models/a/invoke?", "", "");
        Check.equal("/models/a/invoke", request.uri());
        Check.that(!request.headers().contains("x-unet-query"), "there is none");
    }

    @Test
    void formsAreBytesToMms() {
        String type = "Multipart/Form-Data; boundary=\"a b\"";
        FullHttpRequest request =
                send("POST /invocations", "Content-Type: " + type + "\r\n", "--a b--");
        Check.equal("application/octet-stream", request.headers().get("content-type"));
        Check.equal(type, request.headers().get("x-unet-content-type"));
        Check.equal("--a b--", request.content().toString(StandardCharsets.UTF_8));
    }

    @Test
    void formsInUrlEncodingAreBytesToMms() {
        String type = "application/x-www-form-urlencoded";
        FullHttpRequest request =
                send("POST /models/a/invoke", "Content-Type: " + type + "\r\n", "a=b");
        Check.equal("application/octet-stream", request.headers().get("content-type"));
        Check.equal(type, request.headers().get("x-unet-content-type"));
    }

    @Test
    void otherTypesStay() {
        FullHttpRequest request =
                send("POST /invocations", "Content-Type: image/png; a=b\r\n", "x");
        Check.equal("image/png; a=b", request.headers().get("content-type"));
        Check.that(!request.headers().contains("x-unet-content-type"), "it is no form");
    }

    @Test
    void aBodyInChunksHasALength() {
        connection.send(
                "POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n");
        FullHttpRequest request = connection.takeRequest();
        Check.equal("hello!", request.content().toString(StandardCharsets.UTF_8));
        Check.equal(6, request.content().array().length); // MMS takes the array as a whole
        Check.equal("6", request.headers().get("content-length"));
        Check.that(!request.headers().contains("transfer-encoding"), "the chunks are joined");
    }

    @Test
    void aWholeUrlIsAPath() {
        Check.equal("/ping", send("GET http://host/ping", "", "").uri());
    }

    @Test
    void aHeadIsAnsweredAsAGet() {
        Check.equal("GET", send("HEAD /ping", "", "").method().name());
        connection.answer(200, "hello");
        Check.equal("5", connection.receiveHead().headers().get("content-length"));
        Check.equal("GET", send("GET /ping", "", "").method().name());
        connection.answer(200, "hello");
        Check.equal("hello", text(connection.receive()));
    }

    @Test
    void theQueryStringOfOtherRoutesStays() {
        Check.equal("/models?limit=5", send("GET /models?limit=5", "", "").uri());
        Check.equal(null, send("GET /models?limit=0", "", ""));
    }

    private FullHttpRequest send(String line, String headers, String body) {
        String length = body.isEmpty() ? "" : "Content-Length: " + body.length() + "\r\n";
        connection.send(line + " HTTP/1.1\r\n" + length + headers + "\r\n" + body);
        return connection.takeRequest();
    }
}
