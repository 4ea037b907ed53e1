package unet;

import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

final class ModelRequestsTest {

    private final ModelRequests models = new ModelRequests(Optional.of("ours"));

    private final Path folder = Files.createTempDirectory("a model"); // goes with the classes'
    private final String here = folder.toString();

    ModelRequestsTest() throws IOException {}

    @Test
    void whatSageMakerSendsIsTaken() throws Refusal {
        checkRead("a1b2", here, json("a1b2", here));
    }

    @Test
    void aQueryStringIsTaken() throws Refusal {
        String query = "model_name=gr%C3%B6%C3%9Fe&url=" + here.replace(" ", "%20");
        Check.equal(model("größe", here), models.read(query, Optional.empty()).toString());
    }

    @Test
    void aUrlOfAFileIsAPath() throws Refusal {
        String escaped = here.replace(" ", "%20");
        checkRead("a", here, json("a", "file://" + escaped));
        checkRead("a", here, json("a", "FILE:" + escaped));
    }

    @Test
    void whatIsNoFolderIsRefused() throws IOException {
        Path file = Files.createFile(folder.resolve("file"));
        for (String url : List.of("/dev/zero", file.toString(), file.toUri().toString())) {
            String message = checkRefused("", json("a", url));
            Check.contains(Text.quote(url) + ", which is no folder; send model_name", message);
        }
    }

    @Test
    void aPipeIsRefusedAtOnce() throws IOException, InterruptedException {
        String pipe = folder.resolve("pipe").toString();
        Check.equal(0, new ProcessBuilder("mkfifo", pipe).start().waitFor());
        Check.contains("which is no folder", checkRefused("", json("a", pipe)));
    }

    @Test
    void twoDotsAreRefused() {
        for (String url : List.of(here + "/../a", here + "/v1..2")) {
            String message = checkRefused("", json("a", url));
            Check.contains(Text.quote(url) + ", which has two dots in a row; send", message);
        }
    }

    @Test
    void whereNothingIsNothingIsFound() {
        String url = here + "/none";
        String message = checkRefused(404, "", json("a", url));
        Check.contains("there is nothing at the url " + Text.quote(url) + "; send", message);
    }

    @Test
    void otherUrlsAreRefused() {
        for (String url :
                List.of(
                        "http://127.0.0.1/a.mar",
                        "HTTPS://a/b",
                        "s3://a/b",
                        "opt/ml",
                        "",
                        "file://host/a",
                        "file:a",
                        "/a\\u0000b",
                        "/",
                        "//")) {
            Check.contains("absolute path of a folder", checkRefused("", json("a", url)));
        }
    }

    @Test
    void pagesThatCannotBeAreRefused() throws Refusal {
        for (String limit : List.of("", "0", "00", "-1", "1.5", "ten", "٣", "2147483647")) {
            Check.contains("; send a whole number from 1 to", checkPageRefused("limit=" + limit));
        }
        for (String token : List.of("", "-1", "a", "2147483647")) {
            String message = checkPageRefused("limit=5&next_page_token=" + token);
            Check.contains("; send the nextPageToken of the page before", message);
        }
        ModelRequests.checkPage("");
        ModelRequests.checkPage("limit=1&next_page_token=0&other=a");
        ModelRequests.checkPage("limit=1000&next_page_token=999999999");
    }

    private static String checkPageRefused(String query) {
        try {
            ModelRequests.checkPage(query);
            throw new AssertionError(query);
        } catch (Refusal refusal) {
            Check.equal(400, refusal.status().code());
            return refusal.getMessage();
        }
    }

    @Test
    void otherParametersAreRefused() {
        for (String name :
                List.of("handler", "runtime", "initial_workers", "synchronous", "batch_size")) {
            String message = checkRefused("model_name=a&url=/a&" + name + "=1", null);
            Check.contains("\"" + name + "\" is no parameter", message);
            Check.contains("send model_name, and url", message);
            String json = "{\"model_name\": \"a\", \"url\": \"/a\", \"" + name + "\": 1}";
            Check.equal(message, checkRefused("", json));
        }
    }

    @Test
    void bodiesThatAreNoObjectAreRefused() {
        for (String body : List.of("", "null", "[]", "5", "{", "a", "[".repeat(60_000))) {
            Check.contains("body is no JSON object", checkRefused("", body));
        }
    }

    @Test
    void whatIsMissingIsNamed() {
        Check.contains("model_name is missing", checkRefused("url=/a", null));
        Check.contains("url is missing", checkRefused("model_name=a", null));
        Check.contains("model_name is no text", checkRefused("", "{\"model_name\": null}"));
        Check.contains("model_name is no text", checkRefused("", "{\"model_name\": {}}"));
        Check.contains("twice", checkRefused("model_name=a&model_name=b&url=/a", null));
        Check.contains("twice", checkRefused("url=/b", json("a", "/a")));
    }

    @Test
    void namesThatCannotBeAddressedAreRefused() {
        for (String name :
                List.of(
                        "", " ", "a/b", "/", ".", "..", "a\\nb", "\\u007f", "\\ud800",
                        "x".repeat(201))) {
            Check.contains("cannot stand in the path", checkRefused("", json(name, "/a")));
        }
    }

    @Test
    void namesThatCanBeAddressedAreTaken() throws Refusal {
        for (String name : List.of("größe", "細胞 №1", "a?b=c&d%e", "...", "x".repeat(200))) {
            checkRead(name, here, json(name, here));
        }
    }

    private void checkRead(String name, String path, String body) throws Refusal {
        Check.equal(
                JsonParser.parseString(model(name, path)), models.read("", Optional.of(body)));
    }

    private String checkRefused(String query, String body) {
        return checkRefused(400, query, body);
    }

    private String checkRefused(int status, String query, String body) {
        try {
            throw new AssertionError(models.read(query, Optional.ofNullable(body)).toString());
        } catch (Refusal refusal) {
            Check.equal(status, refusal.status().code());
            return refusal.getMessage();
        }
    }

    private static String json(String name, String url) {
        return "{\"model_name\": \"" + name + "\", \"url\": \"" + url + "\"}";
    }

    private static String model(String name, String path) {
        String json = "{\"model_name\":\"%s\",\"url\":\"%s\",\"handler\":\"ours\"}";
        return String.format(json, name, path);
    }
}
