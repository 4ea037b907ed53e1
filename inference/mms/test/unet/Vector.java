package unet;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;

/** The test vector that the Python tests read, too. */
final class Vector {

    private Vector() {}

    static JsonObject read() throws IOException {
        byte[] bytes = Files.readAllBytes(Paths.get(System.getProperty("unet.contract")));
        return JsonParser.parseString(new String(bytes, StandardCharsets.UTF_8)).getAsJsonObject();
    }

    /** A string of the vector, such as the header called {@code logged}. */
    static String name(String group, String name) throws IOException {
        return read().getAsJsonObject(group).get(name).getAsString();
    }
}
