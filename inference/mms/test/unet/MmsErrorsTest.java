package unet;

import static unet.TestConnection.header;
import static unet.TestConnection.text;

import com.google.gson.JsonObject;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;

final class MmsErrorsTest {

    private static final String INTERNAL = "InternalServerException";

    @Test
    void whatToDoIsSaid() {
        Check.contains(
                "send images to /models/NAME/invoke",
                message(400, "BadRequestException", "Parameter model_name is required."));
        Check.contains(
                "send the request again, and where", message(500, INTERNAL, "Worker died."));
        Check.contains(
                "load the model again, or on a larger instance",
                message(500, INTERNAL, "Failed to start workers"));
        Check.equal(
                "Model not found: a; load it with POST /models, or GET /models for the names of"
                        + " those that are loaded",
                message(404, "ModelNotFoundException", "Model not found: a"));
    }

    @Test
    void ofOneModelThereIsNothingToLoad() {
        FullHttpResponse answer = error(404, "ModelNotFoundException", "Model not found: a");
        String said = text(MmsErrors.complete(answer, false));
        Check.contains("Model not found: a; this server has one model, which /invocations", said);
    }

    @Test
    void aNameThatIsTakenAndAFullQueueAreSaid() {
        Check.equal(
                "Model a is already registered; unload it first with DELETE, or take another name",
                message(409, "ConflictStatusException", "Model a is already registered."));
        String full = "No worker is available to serve request for model: a. Consider increasing";
        Check.contains(
                "the model is being loaded, or as many requests wait for it as may (MMS_JOB_QUEUE",
                message(503, "ServiceUnavailableException", full + " job queue size."));
    }

    @Test
    void whatIsSaidAlreadyStays() {
        Check.equal("no b", message(404, "ModelNotFoundException", "no b"));
        for (String body : new String[] {"", "no JSON", "[]", "{}", "null", "{\"code\": \"a\"}"}) {
            FullHttpResponse answer = TestConnection.response(500, body);
            Check.same(answer, MmsErrors.complete(answer, true));
        }
        FullHttpResponse mask = TestConnection.response(200, "Worker died.");
        Check.same(mask, MmsErrors.complete(mask, true));
    }

    @Test
    void whatWorkersSayStays() {
        FullHttpResponse answer = error(500, INTERNAL, "Worker died.");
        answer.headers().set(Contract.LOGGED_HEADER, "true");
        Check.same(answer, MmsErrors.complete(answer, true));
    }

    @Test
    void aModelThatWasUnloadedIsNoInternalError() {
        Check.equal("ModelNotFoundException", json(404, INTERNAL, "a").get("type").getAsString());
        Check.equal(INTERNAL, json(500, INTERNAL, "Worker died.").get("type").getAsString());
    }

    @Test
    void answersOfMmsAreCompleted() {
        TestConnection connection = new TestConnection();
        connection.send(TestConnection.post(1) + "a");
        FullHttpResponse died = error(500, INTERNAL, "Worker died.");
        died.headers().set("x-request-id", "7");
        connection.answer(died);
        FullHttpResponse answer = connection.receive();
        Check.contains("send the request again", text(answer));
        Check.equal("7", header(answer, "x-request-id"));
    }

    @Test
    void whenToComeAgainIsSaid() {
        TestConnection connection = new TestConnection();
        connection.send(TestConnection.post(1) + "a");
        String full = "No worker is available to serve request for model: a.";
        connection.answer(error(503, "ServiceUnavailableException", full));
        Check.equal("1", header(connection.receive(), "retry-after"));
    }

    private static String message(int status, String type, String message) {
        return json(status, type, message).get("message").getAsString();
    }

    private static JsonObject json(int status, String type, String message) {
        FullHttpResponse answer = MmsErrors.complete(error(status, type, message), true);
        JsonObject error = Json.object(text(answer)).orElseThrow();
        Check.equal(status, answer.status().code());
        Check.equal(status, error.get("code").getAsInt());
        return error;
    }

    private static FullHttpResponse error(int status, String type, String message) {
        return Answers.error(HttpResponseStatus.valueOf(status), type, message);
    }
}
