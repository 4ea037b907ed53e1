package unet;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.Map;

final class ContractTest {

    @Test
    void namesAreTheAgreedOnes() throws IOException {
        Check.equal(Vector.name("header", "logged"), Contract.LOGGED_HEADER);
        Check.equal(Vector.name("header", "request_id"), Contract.REQUEST_ID_HEADER);
        Check.equal(Vector.name("header", "query"), Contract.QUERY_HEADER);
        Check.equal(Vector.name("header", "form"), Contract.FORM_HEADER);
        Check.equal(Vector.name("property", "idle_seconds"), Contract.IDLE_SECONDS_PROPERTY);
        Check.equal(
                Vector.name("property", "keep_alive_seconds"),
                Contract.KEEP_ALIVE_SECONDS_PROPERTY);
        Check.equal(Vector.name("property", "connections"), Contract.CONNECTIONS_PROPERTY);
        Check.equal(Vector.name("variable", "multi_model"), Contract.MULTI_MODEL_VARIABLE);
        Check.equal(Vector.name("variable", "load_errors"), Contract.LOAD_ERRORS_VARIABLE);
        Check.equal(Vector.name("property", "drain_seconds"), Contract.DRAIN_SECONDS_PROPERTY);
        Check.equal(Vector.name("variable", "gone"), Contract.GONE_VARIABLE);
        Check.equal(Vector.name("variable", "progress"), Contract.PROGRESS_VARIABLE);
        Check.equal(Vector.name("header", "inference_id"), Contract.INFERENCE_ID_HEADER);
        Check.equal(Vector.name("property", "port"), Contract.PORT_PROPERTY);
        Check.equal(
                Vector.name("property", "timeout_seconds"), Contract.TIMEOUT_SECONDS_PROPERTY);
        Check.equal(Vector.name("property", "page"), Contract.PAGE_PROPERTY);
        Check.equal(Vector.name("property", "description"), Contract.DESCRIPTION_PROPERTY);
        Check.equal(Vector.name("property", "origins"), Contract.ORIGINS_PROPERTY);
        Check.equal(Vector.name("logger", "access"), Contract.ACCESS_LOGGER);
    }

    @Test
    void filesOfLoadErrorsHaveTheAgreedNames() throws IOException {
        JsonObject files = Vector.read().getAsJsonObject("load_error_files");
        Check.that(files.size() > 0, "there are some");
        for (Map.Entry<String, JsonElement> file : files.entrySet()) {
            Check.equal(file.getValue().getAsString(), LoadReasons.fileName(file.getKey()));
        }
    }

    @Test
    void whatClientsCallTheirRequestsIsAgreedOn() throws IOException {
        JsonObject ids = Vector.read().getAsJsonObject("inference_ids");
        for (JsonElement id : ids.getAsJsonArray("taken")) {
            Check.that(Progress.isId(id.getAsString()), id.toString());
        }
        for (JsonElement id : ids.getAsJsonArray("others")) {
            Check.that(!Progress.isId(id.getAsString()), id.toString());
        }
    }

    @Test
    void ourHeadersHaveTheAgreedBeginning() throws IOException {
        for (String name : new String[] {"logged", "query", "form"}) {
            Check.that(Vector.name("header", name).startsWith(Contract.OUR_HEADERS), name);
        }
    }

    @Test
    void whatAFolderHoldsIsFoundInAMessage() throws IOException {
        String message = Vector.read().get("message_with_listing").getAsString();
        Check.that(Contract.LISTING.matcher(message).find(), message);
    }

    @Test
    void errorsHaveTheAgreedMembers() throws IOException {
        JsonObject error = Vector.read().getAsJsonObject("error");
        String json =
                Answers.json(
                        HttpResponseStatus.valueOf(error.get("code").getAsInt()),
                        error.get("type").getAsString(),
                        error.get("message").getAsString());
        Check.equal(error, JsonParser.parseString(json));
    }

    @Test
    void theArgumentsOfMmsFollowItsMainClass() throws IOException {
        JsonArray classes = Vector.read().getAsJsonArray("main_classes");
        Check.equal(Server.class.getName(), classes.get(0).getAsString());
        String ofMms = classes.get(1).getAsString();
        String[] arguments = {"-cp", ".:mms/frontend/*", ofMms, "--python", "python3", "-f", "x"};
        Check.equal(
                Arrays.asList("--python", "python3", "-f", "x"),
                Arrays.asList(Server.argumentsOfMms(arguments)));
    }

    @Test
    void theConfigurationOfTheLogHasTheAgreedNames() throws IOException {
        String log = Files.readString(Paths.get(Vector.name("file", "log_configuration")));
        Check.contains("${sys:" + Vector.name("property", "log_level") + ":-info}", log);
        Check.contains("${sys:" + Vector.name("property", "mms_log_level") + ":-warn}", log);
        Check.contains("name=\"" + Vector.name("logger", "access") + "\"", log);
        Check.contains("name=\"" + Vector.name("logger", "worker") + "\"", log);
    }
}
