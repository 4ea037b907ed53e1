package unet;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.util.Optional;

/** Reads JSON that others have written. */
final class Json {

    private Json() {}

    /** The JSON object that {@code text} holds; empty where it holds something else. */
    static Optional<JsonObject> object(String text) {
        try {
            return Optional.of(JsonParser.parseString(text))
                    .filter(JsonElement::isJsonObject)
                    .map(JsonElement::getAsJsonObject);
        } catch (JsonParseException e) {
            return Optional.empty();
        }
    }

    /** A member of the JSON object that {@code text} holds; empty where there is no such thing. */
    static Optional<JsonElement> member(String text, String name) {
        return object(text).map(object -> object.get(name));
    }
}
