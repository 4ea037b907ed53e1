package unet;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Reads what POST /models asks for, more strictly than Multi Model Server (MMS), which would fetch
 * a model from anywhere and run any handler.
 */
final class ModelRequests {

    private static final String NAME = "model_name";
    private static final String URL = "url";
    private static final String RULE =
            "; send model_name, and url with the absolute path of a folder of this machine,"
                    + " as JSON or in the query string";
    private static final int LONGEST_NAME = 200; // characters

    private final Optional<String> handler;

    /** @param handler loads all models, whatever a file beside one says; empty: MMS chooses */
    ModelRequests(Optional<String> handler) {
        this.handler = handler;
    }

    /**
     * What is asked for, in the only form that MMS is to see.
     *
     * @param query of the request, as it came
     * @param body of the request; empty where its media type is not that of JSON
     * @throws Refusal 400 where anything else is asked for, 404 where no folder is at the url
     */
    JsonObject read(String query, Optional<String> body) throws Refusal {
        Target.checkEscapes(query);
        JsonObject asked = body.isPresent() ? ofBody(body.get()) : new JsonObject();
        addQuery(query, asked);
        for (String name : asked.keySet()) {
            if (!name.equals(NAME) && !name.equals(URL)) {
                throw refusal("%s is no parameter of POST /models", Text.quote(name));
            }
        }
        String name = text(asked, NAME);
        checkName(name);
        JsonObject model = new JsonObject();
        model.addProperty(NAME, name);
        model.addProperty(URL, path(text(asked, URL)));
        handler.ifPresent(ours -> model.addProperty("handler", ours));
        return model;
    }

    /**
     * Refuses pages of the list of models that MMS would not give as they are asked for: of no
     * models, it would give pages without an end.
     *
     * @param query of GET /models, as it came
     * @throws Refusal 400 where a number is none, or is out of range
     */
    static void checkPage(String query) throws Refusal {
        QueryStringDecoder decoder = new QueryStringDecoder(query, false);
        for (String limit : decoder.parameters().getOrDefault("limit", List.of())) {
            if (!limit.matches("[0-9]{1,9}") || Integer.parseInt(limit) == 0) {
                throw Refusal.badRequest(
                        "limit is %s; send a whole number from 1 to 999,999,999; of more than 100,"
                                + " 100 models are listed",
                        Text.quote(limit));
            }
        }
        for (String token : decoder.parameters().getOrDefault("next_page_token", List.of())) {
            if (!token.matches("[0-9]{1,9}")) {
                throw Refusal.badRequest(
                        "next_page_token is %s; send the nextPageToken of the page before, or none"
                                + " for the first page",
                        Text.quote(token));
            }
        }
    }

    /** The name of the model that {@link #read} gives. */
    static String nameOf(JsonObject model) {
        return model.get(NAME).getAsString();
    }

    private static JsonObject ofBody(String body) throws Refusal {
        return Json.object(body).orElseThrow(() -> refusal("body is no JSON object"));
    }

    private static void addQuery(String query, JsonObject asked) throws Refusal {
        Map<String, List<String>> values = new QueryStringDecoder(query, false).parameters();
        for (Map.Entry<String, List<String>> entry : values.entrySet()) {
            if (entry.getValue().size() > 1 || asked.has(entry.getKey())) {
                throw refusal("%s stands there twice", Text.quote(entry.getKey()));
            }
            asked.add(entry.getKey(), new JsonPrimitive(entry.getValue().get(0)));
        }
    }

    private static String text(JsonObject asked, String name) throws Refusal {
        JsonElement value = asked.get(name);
        if (value == null || !value.isJsonPrimitive() || !value.getAsJsonPrimitive().isString()) {
            String what = value == null ? "%s is missing" : "%s is no text";
            throw refusal(what, name);
        }
        return value.getAsString();
    }

    /** A name must come back as it is in the path /models/NAME. */
    private static void checkName(String name) throws Refusal {
        String again = new String(name.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
        boolean addressable =
                again.equals(name)
                        && !name.isBlank()
                        && name.length() <= LONGEST_NAME
                        && !name.equals(".")
                        && !name.equals("..")
                        && !name.contains("\ufffd")
                        && name.chars().noneMatch(c -> c == '/' || Character.isISOControl(c));
        if (!addressable) {
            throw Refusal.badRequest(
                    "model_name is %s, which cannot stand in the path /models/NAME; send 1 to %d"
                            + " characters without slashes and control characters, and not . or ..",
                    Text.quote(name), LONGEST_NAME);
        }
    }

    private static String path(String url) throws Refusal {
        String path = url.toLowerCase(Locale.ROOT).startsWith("file:") ? pathOfFile(url) : url;
        boolean folder = path.startsWith("/") && !path.matches("/+");
        if (!folder || path.chars().anyMatch(Character::isISOControl)) {
            throw refusal("url is %s", Text.quote(url));
        }
        if (path.contains("..")) { // MMS takes that for a relative path, wherever it stands
            throw refusal("url is %s, which has two dots in a row", Text.quote(url));
        }
        checkFolder(path, url);
        return path;
    }

    /** MMS would read a file, which may never end, while other requests of its thread wait. */
    private static void checkFolder(String path, String url) throws Refusal {
        Path folder;
        try {
            folder = Paths.get(path);
        } catch (InvalidPathException e) {
            throw refusal("url is %s", Text.quote(url));
        }
        // Files.exists and Files.isReadable do not know of the capability to read all files
        try {
            if (!Files.readAttributes(folder, BasicFileAttributes.class).isDirectory()) {
                throw refusal("url is %s, which is no folder", Text.quote(url));
            }
            Files.newDirectoryStream(folder).close();
            Files.getLastModifiedTime(folder.resolve("."));
        } catch (NoSuchFileException e) {
            throw Refusal.notFound("there is nothing at the url " + Text.quote(url) + RULE);
        } catch (IOException e) {
            throw refusal("url is %s, a folder that this server cannot read", Text.quote(url));
        }
    }

    private static String pathOfFile(String url) {
        try {
            URI uri = new URI(url);
            boolean here = uri.getAuthority() == null && uri.getQuery() == null;
            return here && uri.getPath() != null ? uri.getPath() : "";
        } catch (URISyntaxException e) {
            return "";
        }
    }

    private static Refusal refusal(String what, Object... arguments) {
        return Refusal.badRequest("%s", String.format(what, arguments) + RULE);
    }
}
