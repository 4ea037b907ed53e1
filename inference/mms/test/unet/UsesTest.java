package unet;

import static unet.TestConnection.text;

import io.netty.handler.codec.http.FullHttpResponse;
import java.time.Duration;

final class UsesTest {

    private static final String INVOKE =
            "POST /models/a%20b/invoke HTTP/1.1\r\nContent-Length: 1\r\n\r\nx";
    private static final String UNLOAD = "DELETE /models/a%20b HTTP/1.1\r\n\r\n";

    private final Drain drain = new Drain(Duration.ofSeconds(25));
    private final TestServer server = new TestServer(drain);
    private final TestConnection user = new TestConnection(server);
    private final TestConnection other = new TestConnection(server);
    private final TestConnection unloader = new TestConnection(server);

    @Test
    void aModelIsUnloadedWhenAllWhoWaitAreAnswered() {
        user.send(INVOKE);
        other.send(INVOKE);
        unloader.send(UNLOAD);
        checkHeld();
        user.answer(200, "");
        checkHeld();
        other.answer(500, "");
        checkUnloaded();
    }

    @Test
    void whoHasGoneIsNotWaitedFor() {
        user.send(INVOKE);
        unloader.send(UNLOAD);
        user.disconnect();
        checkUnloaded();
    }

    @Test
    void meanwhileNobodyElseUsesIt() {
        user.send(INVOKE);
        unloader.send(UNLOAD);
        other.send(INVOKE);
        Check.equal(null, other.nextRequest());
        FullHttpResponse refusal = other.receive();
        Check.equal(404, refusal.status().code());
        Check.contains("\\\"a b\\\" is being unloaded; load it again", text(refusal));
        user.answer(200, "");
        checkUnloaded(); // who was refused is no user
        unloader.answer(200, "");
        checkFree();
    }

    @Test
    void otherModelsAreNotWaitedFor() {
        user.send(INVOKE.replace("a%20b", "a"));
        unloader.send(UNLOAD);
        checkUnloaded();
    }

    @Test
    void whoeverWantsItUnloadedMayGo() {
        user.send(INVOKE);
        unloader.send(UNLOAD);
        unloader.disconnect();
        Check.equal(null, unloader.nextRequest());
        checkFree();
    }

    @Test
    void anotherUnloadIsRefusedAndChangesNothing() {
        user.send(INVOKE);
        unloader.send(UNLOAD);
        TestConnection second = new TestConnection(server);
        second.send(UNLOAD);
        Check.equal(409, second.receive().status().code());
        user.answer(200, "");
        checkUnloaded();
    }

    @Test
    void theServerMayEndMeanwhile() {
        user.send(INVOKE);
        unloader.send(UNLOAD);
        unloader.giveUp();
        unloader.runPendingTasks();
        Check.equal(503, unloader.receive().status().code());
        Check.equal(null, unloader.nextRequest());
        checkFree();
    }

    @Test
    void whatTakesTooLongIsNotWaitedFor() throws InterruptedException {
        TestServer hasty = new TestServer(new Drain(Duration.ofMillis(20)));
        TestConnection slow = new TestConnection(hasty);
        slow.send(INVOKE);
        TestConnection impatient = new TestConnection(hasty);
        impatient.send(UNLOAD);
        Check.eventually(
                () -> {
                    impatient.hasDeadline(); // runs what is due
                    return impatient.nextRequest() != null;
                },
                "MMS has the request");
        slow.answer(500, "");
        impatient.runPendingTasks();
        Check.equal(null, impatient.nextRequest()); // once
    }

    private void checkHeld() {
        unloader.runPendingTasks();
        Check.equal(null, unloader.nextRequest());
    }

    private void checkUnloaded() {
        unloader.runPendingTasks();
        Check.equal("/models/a%20b", unloader.nextRequest());
    }

    private void checkFree() {
        TestConnection next = new TestConnection(server);
        next.send(INVOKE);
        Check.that(next.nextRequest() != null, "it may be used");
    }
}
