package unet;

import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.util.Optional;

/** Reads JSON that others have written. */
final class Json {

    private Json() {}

    /** A member of the JSON object that {@code text} holds; empty where there is no such thing. */
    static Optional<JsonElement> member(String text, String name) {
        try {
            JsonElement json = JsonParser.parseString(text);
            return json.isJsonObject()
                    ? Optional.ofNullable(json.getAsJsonObject().get(name))
                    : Optional.empty();
        } catch (JsonParseException e) {
            return Optional.empty();
        }
    }
}
