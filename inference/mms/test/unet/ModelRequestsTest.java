package unet;

import com.google.gson.JsonParser;
import java.util.List;
import java.util.Optional;

final class ModelRequestsTest {

    private final ModelRequests models = new ModelRequests(Optional.of("ours"));

    @Test
    void whatSageMakerSendsIsTaken() throws Refusal {
        checkRead("a1b2", "/opt/ml/models/a1b2/model", json("a1b2", "/opt/ml/models/a1b2/model"));
    }

    @Test
    void aQueryStringIsTaken() throws Refusal {
        Check.equal(
                model("größe", "/a b"),
                models.read("model_name=gr%C3%B6%C3%9Fe&url=/a%20b", Optional.empty()).toString());
    }

    @Test
    void aUrlOfAFileIsAPath() throws Refusal {
        checkRead("a", "/opt/a b", json("a", "file:///opt/a%20b"));
        checkRead("a", "/opt/a", json("a", "FILE:/opt/a"));
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
            checkRead(name, "/a", json(name, "/a"));
        }
    }

    private void checkRead(String name, String path, String body) throws Refusal {
        Check.equal(
                JsonParser.parseString(model(name, path)), models.read("", Optional.of(body)));
    }

    private String checkRefused(String query, String body) {
        try {
            throw new AssertionError(models.read(query, Optional.ofNullable(body)).toString());
        } catch (Refusal refusal) {
            Check.equal(400, refusal.status().code());
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
