package unet;

import static unet.TestConnection.header;
import static unet.TestConnection.text;

import io.netty.handler.codec.http.FullHttpResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

final class ProgressTest {

    private static final String TOLD = "{\"tiles_done\": 3, \"tiles\": 40}\n";

    private final Path folder = Files.createTempDirectory("progress");
    private final TestServer server = new TestServer().readingProgressFrom(folder);

    ProgressTest() throws IOException {
        Files.writeString(folder.resolve("mine"), TOLD);
    }

    @Test
    void whatAWorkerHasToldIsAnswered() {
        FullHttpResponse answer = get("/progress/mine");
        Check.equal(200, answer.status().code());
        Check.equal("application/json", header(answer, "content-type"));
        Check.equal("no-store", header(answer, "cache-control"));
        Check.equal(TOLD, text(answer));
    }

    @Test
    void nothingIsKnownOfOthers() throws IOException {
        Check.equal(204, get("/progress/yours").status().code());
        Files.createFile(folder.resolve("begun"));
        Check.equal(204, get("/progress/begun").status().code());
        Check.equal(204, get("/progress/mine", new TestServer()).status().code());
    }

    @Test
    void aRequestThatIsAnsweredIsForgotten() {
        TestConnection connection = new TestConnection(server);
        connection.send(
                "POST /invocations HTTP/1.1\r\nX-Amzn-SageMaker-Inference-Id: mine\r\n"
                        + "Content-Length: 1\r\n\r\nx");
        Check.equal(200, get("/progress/mine").status().code());
        connection.answer(200, "mask");
        connection.receive();
        Check.equal(204, get("/progress/mine").status().code());
    }

    @Test
    void noOtherRequestMakesItForgotten() {
        TestConnection connection = new TestConnection(server);
        connection.send("GET / HTTP/1.1\r\nX-Amzn-SageMaker-Inference-Id: mine\r\n\r\n");
        Check.equal(404, connection.receive().status().code());
        Check.equal(200, get("/progress/mine").status().code());
    }

    private FullHttpResponse get(String path) {
        return get(path, server);
    }

    private static FullHttpResponse get(String path, TestServer server) {
        TestConnection connection = new TestConnection(server);
        connection.send("GET " + path + " HTTP/1.1\r\n\r\n");
        return connection.receive();
    }
}
