package unet;

import static unet.TestConnection.header;
import static unet.TestConnection.text;

import com.google.gson.JsonParser;
import io.netty.handler.codec.http.FullHttpResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

final class LoadReasonsTest {

    private static final String MMS_ANSWER = "{\"message\": \"Failed to start workers\"}";

    private final Path folder;
    private final TestConnection connection;

    LoadReasonsTest() throws IOException {
        folder = Files.createTempDirectory("load-errors"); // goes with the folder of the classes
        connection = new TestConnection(new TestServer().writingReasonsTo(folder));
    }

    @Test
    void theReasonTakesThePlaceOfMmsAnswer() throws IOException {
        write("größe");
        load("größe");
        FullHttpResponse failure = TestConnection.response(500, MMS_ANSWER);
        failure.headers().set("x-request-id", "7");
        connection.answer(failure);
        FullHttpResponse answer = connection.receive();
        Check.equal(507, answer.status().code());
        Check.equal(Vector.read().get("error"), JsonParser.parseString(text(answer)));
        Check.equal("7", header(answer, "x-request-id"));
        Check.equal(List.of(), files());
    }

    @Test
    void theModelMayBeNamedInTheQueryString() throws IOException {
        write("größe");
        connection.send("POST /models?url=/tmp&model_name=gr%C3%B6%C3%9Fe HTTP/1.1\r\n\r\n");
        checkAnswer(507);
    }

    @Test
    void whatAFolderHoldsIsNotTold() throws IOException {
        String error = "{\"code\": 500, \"type\": \"ModelError\", \"message\": \"%s\"}";
        String message = "no model in /etc; it must hold one; found: passwd, shadow; and more";
        Path file = folder.resolve(LoadReasons.fileName("a"));
        Files.writeString(file, String.format(error, message));
        load("a");
        connection.answer(500, MMS_ANSWER);
        String answer = text(connection.receive());
        Check.contains("no model in /etc; it must hold one; the log lists what is there", answer);
        Check.that(!answer.contains("passwd"), answer);
    }

    @Test
    void otherModelsReasonsStay() throws IOException {
        write("b");
        load("a");
        checkAnswer(500);
        Check.equal(List.of(LoadReasons.fileName("b")), files());
    }

    @Test
    void anErrorOfTheClientIsNotExplained() throws IOException {
        write("a");
        load("a");
        checkAnswer(409);
        Check.equal(1, files().size());
    }

    @Test
    void otherRequestsAreNotExplained() throws IOException {
        write("a");
        connection.send("GET /models?model_name=a HTTP/1.1\r\n\r\n");
        checkAnswer(500);
        Check.equal(1, files().size());
    }

    @Test
    void aReasonThatCannotBeReadIsLogged() throws IOException {
        Files.writeString(folder.resolve(LoadReasons.fileName("a")), "{");
        Output.takeLines();
        load("a");
        checkAnswer(500);
        Check.contains("cannot read why model a was not loaded", Output.takeLines().get(0));
    }

    @Test
    void withoutAFolderThereAreNoReasons() {
        TestConnection other = new TestConnection();
        other.send(request("a"));
        other.answer(500, MMS_ANSWER);
        Check.equal(MMS_ANSWER, text(other.receive()));
    }

    private void write(String modelName) throws IOException {
        String error = Vector.read().get("error_as_text").getAsString();
        Files.writeString(folder.resolve(LoadReasons.fileName(modelName)), error);
    }

    private List<String> files() throws IOException {
        try (Stream<Path> paths = Files.list(folder)) {
            return paths.map(path -> path.getFileName().toString()).collect(Collectors.toList());
        }
    }

    private static String request(String name) {
        String body = "{\"model_name\": \"" + name + "\", \"url\": \"/tmp\"}";
        int length = body.getBytes(StandardCharsets.UTF_8).length;
        return "POST /models HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: "
                + length
                + "\r\n\r\n"
                + body;
    }

    private void load(String name) {
        connection.send(request(name));
        Check.equal("/models", connection.nextRequest());
    }

    /** MMS answers 500, or what is expected where that is an error of the client. */
    private void checkAnswer(int expected) {
        connection.answer(Math.min(expected, 500), MMS_ANSWER);
        FullHttpResponse answer = connection.receive();
        Check.equal(expected, answer.status().code());
        Check.equal(expected != 507, text(answer).equals(MMS_ANSWER));
    }
}
