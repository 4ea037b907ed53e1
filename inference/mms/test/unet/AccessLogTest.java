package unet;

import static unet.TestConnection.PING;
import static unet.TestConnection.header;
import static unet.TestConnection.post;

import io.netty.handler.codec.http.FullHttpResponse;
import java.util.List;

final class AccessLogTest {

    private final TestConnection connection = new TestConnection();

    AccessLogTest() {
        Output.takeLines();
    }

    @Test
    void aRefusalIsALineOfJson() {
        connection.send("DELETE /models/a?b=c HTTP/1.1\r\n\r\n");
        String body = "{\"code\": 404, \"message\": \"no \\\"größe\\\"\"}";
        FullHttpResponse response = TestConnection.response(404, body);
        response.headers().set("x-request-id", "7");
        connection.answer(response);
        checkLine(
                "{\"request_id\":\"7\",\"request\":\"DELETE /models/a?b=c\",\"status\":404,"
                        + "\"error\":\"no \\\"größe\\\"\"}");
    }

    @Test
    void aSuccessHasNoError() {
        connection.send("GET /models HTTP/1.1\r\n\r\n");
        connection.answer(200, "{\"message\": \"fine\"}");
        checkLine("\"request\":\"GET /models\",\"status\":200}");
    }

    @Test
    void anErrorMayLackAMessage() {
        for (String body : new String[] {"", "<html>", "[1]", "{}"}) {
            connection.send("GET /models HTTP/1.1\r\n\r\n");
            connection.answer(500, body);
            checkLine(
                    "\"request\":\"GET /models\",\"status\":500,\"error\":null}");
        }
    }

    @Test
    void whatAWorkerHasLoggedIsNotLoggedAgain() {
        connection.send(post(0));
        FullHttpResponse response = TestConnection.response(400, "");
        response.headers().set("x-unet-logged", "true");
        connection.answer(response);
        Check.equal(null, header(connection.receive(), "x-unet-logged"));
        Check.equal(List.of(), Output.takeLines());
    }

    @Test
    void aTargetIsLoggedAsItCame() {
        connection.send("GET http://host/models?limit=5 HTTP/1.1\r\n\r\n");
        connection.answer(200, "");
        checkLine("\"request\":\"GET http://host/models?limit=5\"");
    }

    @Test
    void probesAreNotLogged() {
        connection.send(PING);
        connection.answer(503, "");
        connection.send("GET /execution-parameters HTTP/1.1\r\n\r\n");
        connection.answer(200, "");
        Check.equal(List.of(), Output.takeLines());
    }

    @Test
    void whatTheServerAddsToAnAnswerIsLogged() {
        int length = TestConnection.LARGEST_BODY + 1;
        connection.send(post(length) + "x".repeat(length));
        List<String> lines = Output.takeLines();
        Check.equal(1, lines.size());
        Check.contains("\"status\":413,\"error\":\"body is larger than", lines.get(0));
    }

    private static void checkLine(String line) {
        List<String> lines = Output.takeLines();
        Check.equal(1, lines.size());
        Check.contains(line, lines.get(0));
    }
}
