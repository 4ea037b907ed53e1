package unet;

import static unet.TestConnection.header;
import static unet.TestConnection.text;

import io.netty.handler.codec.http.FullHttpResponse;
import java.util.HashSet;
import java.util.Set;

final class ModelChangesTest {

    private static final String LOAD = "POST /models?url=/tmp&model_name=a%20b HTTP/1.1\r\n\r\n";
    private static final String UNLOAD = "DELETE /models/a%20b HTTP/1.1\r\n\r\n";

    private final Set<String> settled = new HashSet<>();
    private final ModelChanges changes = new ModelChanges(settled::contains);
    private final TestServer server = new TestServer().changing(changes);
    private final TestConnection first = new TestConnection(server);

    @Test
    void whileAModelIsLoadedOthersAreRefused() {
        first.send(LOAD);
        Check.equal("/models", first.nextRequest());
        checkRefused(LOAD);
        checkRefused(UNLOAD);
        Check.that(!changes.begin("a b", this), "a watch waits, too");
    }

    @Test
    void whileAModelIsUnloadedOthersAreRefused() {
        first.send(UNLOAD);
        Check.equal("/models/a%20b", first.nextRequest());
        checkRefused(LOAD);
        checkRefused(UNLOAD);
    }

    @Test
    void otherNamesAreFree() {
        first.send(LOAD);
        checkHandedOn("DELETE /models/a HTTP/1.1\r\n\r\n");
    }

    @Test
    void whatChangesNothingIsNotRefused() {
        first.send(LOAD);
        checkHandedOn("GET /models/a%20b HTTP/1.1\r\n\r\n");
        checkHandedOn("POST /models/a%20b/invoke HTTP/1.1\r\n\r\n");
    }

    @Test
    void whatIsAnsweredIsOver() {
        first.send(LOAD);
        first.answer(200, "");
        checkHandedOn(UNLOAD);
    }

    @Test
    void aRefusalLeavesTheNameToWhomItBelongs() {
        first.send(LOAD);
        checkRefused(UNLOAD);
        checkRefused(UNLOAD);
        first.answer(200, "");
        checkHandedOn(UNLOAD);
    }

    @Test
    void aLoadThatFailsHoldsItsNameUntilMmsHasEnded() {
        first.send(LOAD);
        first.answer(500, "");
        checkRefused(LOAD);
        settled.add("a b");
        checkHandedOn(LOAD);
    }

    @Test
    void aLoadWhoseClientHasGoneHoldsItsNameUntilMmsHasEnded() {
        first.send(LOAD);
        first.disconnect();
        checkRefused(UNLOAD);
        settled.add("a b");
        checkHandedOn(UNLOAD);
    }

    private void checkRefused(String request) {
        TestConnection other = new TestConnection(server);
        other.send(request);
        Check.equal(null, other.nextRequest());
        FullHttpResponse answer = other.receive();
        Check.equal(409, answer.status().code());
        Check.contains("\\\"a b\\\" is being loaded or unloaded for another request", text(answer));
        Check.contains("send this one again when that one is answered", text(answer));
        Check.that(header(answer, "x-request-id") != null, "it has an id");
    }

    private void checkHandedOn(String request) {
        TestConnection other = new TestConnection(server);
        other.send(request);
        Check.that(other.nextRequest() != null, "MMS has the request");
    }
}
