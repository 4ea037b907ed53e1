package unet;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;

/**
 * Why a model could not be loaded. MMS answers "Failed to start workers"; the worker has told more,
 * in a file: load_errors.py.
 */
final class LoadErrors {

    private static final String FOLDER = System.getenv("UNET_LOAD_ERRORS");

    private LoadErrors() {}

    /**
     * @param uri of the request to load a model
     * @param body of that request
     * @return the answer with the reason, or the answer as it was, where there is no better one
     */
    static FullHttpResponse explain(String uri, ByteBuf body, FullHttpResponse answer) {
        if (FOLDER == null || answer.status().code() < 500) {
            return answer;
        }
        try {
            Path file = Paths.get(FOLDER, sha256(modelName(uri, body)));
            JsonObject told = parse(new String(Files.readAllBytes(file), StandardCharsets.UTF_8));
            Files.delete(file);
            return Answers.instead(
                    answer,
                    Answers.error(
                            HttpResponseStatus.valueOf(told.get("code").getAsInt()),
                            told.get("type").getAsString(),
                            told.get("message").getAsString()));
        } catch (IOException | JsonParseException | IllegalStateException e) {
            return answer;
        }
    }

    private static String modelName(String uri, ByteBuf body) {
        List<String> inQuery = new QueryStringDecoder(uri).parameters().get("model_name");
        if (inQuery != null) {
            return inQuery.get(0);
        }
        JsonElement name = parse(body.toString(StandardCharsets.UTF_8)).get("model_name");
        return name == null ? "" : name.getAsString();
    }

    private static JsonObject parse(String json) {
        return JsonParser.parseString(json).getAsJsonObject();
    }

    private static String sha256(String text) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            byte[] hash = digest.digest(text.getBytes(StandardCharsets.UTF_8));
            return String.format("%064x", new BigInteger(1, hash));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }
}
