package unet;

import static unet.TestConnection.header;
import static unet.TestConnection.text;

import com.google.gson.JsonParser;
import io.netty.handler.codec.http.FullHttpResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

final class LoadReasonsTest {

    private static final String MMS_ANSWER = "{\"message\": \"Failed to start workers\"}";

    private final Path folder;
    private final TestConnection connection;

    LoadReasonsTest() throws IOException {
        folder = Files.createTempDirectory("load-errors"); // goes with the folder of the classes
        connection = connection(Optional.of(folder));
    }

    @Test
    void theReasonTakesThePlaceOfMmsAnswer() throws IOException {
        write("größe");
        load("", "{\"model_name\": \"größe\", \"url\": \"/opt/ml/models/x\"}");
        FullHttpResponse failure = TestConnection.response(500, MMS_ANSWER);
        failure.headers().set("x-request-id", "7");
        connection.answer(failure);
        FullHttpResponse answer = connection.receive();
        Check.equal(507, answer.status().code());
        Check.equal(Vector.read().get("error"), JsonParser.parseString(text(answer)));
        Check.equal("7", header(answer, "x-request-id"));
        Check.that(connection.isOpen(), "the connection stays open");
        Check.equal(List.of(), files());
    }

    @Test
    void theModelMayBeNamedInTheQueryString() throws IOException {
        write("größe");
        load("?url=x&model_name=gr%C3%B6%C3%9Fe", "");
        checkAnswer(507);
    }

    @Test
    void theQueryStringComesFirst() throws IOException {
        write("b");
        load("?model_name=b", "{\"model_name\": \"a\"}");
        checkAnswer(507);
    }

    @Test
    void aBodyMayComeInParts() throws IOException {
        write("a");
        String body = "{\"model_name\": \"a\"}";
        connection.send(head("", body.length()) + body.substring(0, 9));
        connection.send(body.substring(9));
        checkAnswer(507);
    }

    @Test
    void pipelinedRequestsHaveAReasonEach() throws IOException {
        write("a");
        write("b");
        load("", "{\"model_name\": \"a\"}");
        load("", "{\"model_name\": \"b\"}");
        connection.answer(500, MMS_ANSWER);
        connection.answer(500, MMS_ANSWER);
        Check.equal(507, connection.receive().status().code());
        Check.equal(507, connection.receive().status().code());
    }

    @Test
    void otherModelsReasonsStay() throws IOException {
        write("b");
        load("", "{\"model_name\": \"a\"}");
        checkAnswer(500);
        Check.equal(List.of(LoadReasons.fileName("b")), files());
    }

    @Test
    void aBodyThatIsTooLargeToKeepGetsMmsAnswer() throws IOException {
        write("a");
        load("", "{\"model_name\": \"a\", \"url\": \"" + "x".repeat(64 * 1024) + "\"}");
        checkAnswer(500);
    }

    @Test
    void anotherBodyGetsMmsAnswer() throws IOException {
        write("a");
        String[] bodies = {
            "", "a", "null", "[]", "{", "{}", "{\"model_name\": null}", "{\"model_name\": {}}"
        };
        for (String body : bodies) {
            load("?url=a", body);
            checkAnswer(500);
        }
    }

    @Test
    void anErrorOfTheClientIsNotExplained() throws IOException {
        write("a");
        load("", "{\"model_name\": \"a\"}");
        checkAnswer(409);
        Check.equal(1, files().size());
    }

    @Test
    void otherRequestsAreNotExplained() throws IOException {
        write("a");
        connection.send("GET /models?model_name=a HTTP/1.1\r\n\r\n");
        checkAnswer(500);
        connection.send("POST /models/a/invoke?model_name=a HTTP/1.1\r\n\r\n");
        checkAnswer(500);
        Check.equal(1, files().size());
    }

    @Test
    void aReasonThatCannotBeReadIsLogged() throws IOException {
        Files.writeString(folder.resolve(LoadReasons.fileName("a")), "{");
        Output.takeLines();
        load("?model_name=a", "");
        checkAnswer(500);
        Check.contains("cannot read why model a was not loaded", Output.takeLines().get(0));
    }

    @Test
    void withoutAFolderThereAreNoReasons() throws IOException {
        TestConnection other = connection(Optional.empty());
        other.send(head("?model_name=a", 0));
        other.answer(500, MMS_ANSWER);
        Check.equal(MMS_ANSWER, text(other.receive()));
    }

    private static TestConnection connection(Optional<Path> loadErrors) {
        Drain drain = new Drain(Duration.ofSeconds(25));
        return new TestConnection(drain, new BodyMemory(1_000_000), loadErrors);
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

    private static String head(String query, int length) {
        return "POST /models" + query + " HTTP/1.1\r\nContent-Length: " + length + "\r\n\r\n";
    }

    private void load(String query, String body) {
        connection.send(head(query, body.getBytes(StandardCharsets.UTF_8).length) + body);
        Check.contains("/models", connection.nextRequest());
    }

    /** MMS answers 500, or what is expected where that is an error of the client. */
    private void checkAnswer(int expected) {
        connection.answer(Math.min(expected, 500), MMS_ANSWER);
        FullHttpResponse answer = connection.receive();
        Check.equal(expected, answer.status().code());
        Check.equal(expected != 507, text(answer).equals(MMS_ANSWER));
    }
}
