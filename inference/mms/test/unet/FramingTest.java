package unet;

import static unet.TestConnection.PING;
import static unet.TestConnection.header;
import static unet.TestConnection.post;
import static unet.TestConnection.text;

import io.netty.handler.codec.http.FullHttpResponse;
import java.time.Duration;
import java.util.List;

/** One request at a time, strictly read, and not for ever. */
final class FramingTest {

    private static final Duration LONG = Duration.ofSeconds(50); // longer than all tests may take
    private static final Duration SHORT = Duration.ofMillis(20);

    private final TestConnection connection = new TestConnection();

    // --- one at a time

    @Test
    void theNextRequestIsHandedOnWhenTheFirstIsAnswered() {
        connection.send("GET /models/a HTTP/1.1\r\n\r\nGET /models/b HTTP/1.1\r\n\r\n");
        Check.equal("/models/a", connection.nextRequest());
        Check.equal(null, connection.nextRequest());
        connection.answer(200, "A");
        Check.equal("/models/b", connection.nextRequest());
        connection.answer(200, "B");
        Check.equal("A", text(connection.receive()));
        Check.equal("B", text(connection.receive()));
    }

    @Test
    void nothingIsReadWhileARequestThatHasComeWaits() {
        connection.send(PING);
        Check.that(connection.isRead(), "the client may go away");
        connection.send(PING);
        Check.that(!connection.isRead(), "one buffer is enough");
        connection.answer(200, "");
        connection.answer(200, "");
        Check.that(connection.isRead(), "both are answered");
    }

    @Test
    void manyRequestsInOneBufferAreAnswered() {
        connection.send(PING.repeat(5000));
        for (int i = 0; i < 5000; i++) {
            Check.equal("/ping", connection.nextRequest());
            connection.answer(200, "");
            Check.equal(200, connection.receive().status().code());
        }
    }

    @Test
    void requestsMayComeByteByByte() {
        for (char next : (post(5) + "hello" + PING).toCharArray()) {
            connection.send("" + next);
        }
        Check.equal("/invocations", connection.nextRequest());
        connection.answer(200, "");
        Check.equal("/ping", connection.nextRequest());
    }

    @Test
    void emptyLinesMayComeBeforeARequest() {
        connection.send("\r\n\r\n" + PING);
        Check.equal("/ping", connection.nextRequest());
    }

    // --- what is malformed

    @Test
    void whatIsMalformedIsAnswered() {
        for (String request :
                List.of(
                        "GET /ping HTTP/1.1\nHost: a\n\n",
                        "POST /invocations HTTP/1.1\r\nContent-Length: 5\r\n"
                                + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                        "\u0016\u0003\u0001\u0002\u0000\u0001",
                        "POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                                + "5;a\r\n")) {
            checkRefused(400, request);
        }
    }

    @Test
    void aHeadThatIsTooLargeIsAnswered() {
        String answer = checkRefused(431, "GET /ping HTTP/1.1\r\nX-A: " + "a".repeat(9000));
        Check.contains("more than the 8,192 bytes", answer);
    }

    @Test
    void whatIsMalformedAfterARequestIsAnsweredAfterIt() {
        connection.send(PING + "nonsense\r\n\r\n");
        connection.answer(200, "A");
        Check.equal("A", text(connection.receive()));
        Check.equal(400, connection.receive().status().code());
    }

    @Test
    void nothingIsReadAfterWhatIsMalformed() {
        connection.send("nonsense\r\n\r\n" + PING);
        connection.send(PING);
        Check.equal(null, connection.nextRequest());
    }

    @Test
    void theLogHasTheLine() {
        Output.takeLines();
        connection.send("nonsense\r\n\r\n");
        Check.contains("\"request\":\"nonsense\",\"status\":400", Output.takeLines().get(0));
    }

    @Test
    void anotherExpectationFails() {
        checkRefused(417, post(5, "Expect: a mask\r\n"));
    }

    private static String checkRefused(int status, String request) {
        TestConnection connection = new TestConnection();
        connection.send(request);
        FullHttpResponse answer = connection.receive();
        Check.equal(status, answer.status().code());
        Check.equal("close", header(answer, "connection"));
        Check.that(header(answer, "x-request-id") != null, "it has an id");
        Check.equal(null, connection.nextRequest());
        return text(answer);
    }

    // --- what does not come

    @Test
    void aHeadThatDoesNotComeIs408() throws InterruptedException {
        TestConnection slow = connection(SHORT, LONG);
        slow.send("GET /pi");
        check408(slow, "nothing came of the head");
    }

    @Test
    void aBodyThatDoesNotComeIs408() throws InterruptedException {
        TestConnection slow = connection(SHORT, LONG);
        slow.send(post(5) + "he");
        check408(slow, "nothing came of the body");
    }

    @Test
    void aConnectionThatIsIdleIsClosed() throws InterruptedException {
        TestConnection idle = connection(LONG, SHORT);
        idle.awaitEnd();
        Check.equal(null, idle.receive());
    }

    @Test
    void aRequestThatIsNotAnsweredIsNotIdle() {
        Check.that(connection.hasDeadline(), "a request is awaited");
        connection.send(PING);
        Check.that(!connection.hasDeadline(), "it waits for us");
        connection.answer(200, "");
        Check.that(connection.hasDeadline(), "the next request is awaited");
    }

    private static TestConnection connection(Duration idle, Duration keepAlive) {
        return new TestConnection(new TestServer().waiting(idle, keepAlive));
    }

    private static void check408(TestConnection connection, String message)
            throws InterruptedException {
        connection.awaitEnd();
        FullHttpResponse answer = connection.receive();
        Check.equal(408, answer.status().code());
        Check.contains(message, text(answer));
    }

    // --- clients that send no more

    @Test
    void aClientThatSendsNoMoreIsAnswered() {
        connection.send(PING + PING);
        connection.sendNoMore();
        connection.answer(200, "A");
        Check.that(connection.isOpen(), "one request is not answered");
        connection.answer(200, "B");
        Check.equal(100, connection.receive().status().code()); // it may have gone
        Check.equal("A", text(connection.receive()));
        Check.equal(100, connection.receive().status().code());
        Check.equal("B", text(connection.receive()));
        Check.that(!connection.isOpen(), "nothing can follow");
    }

    @Test
    void aClientThatLeavesBetweenRequestsIsLeft() {
        connection.sendNoMore();
        Check.equal(null, connection.receive());
        Check.that(!connection.isOpen(), "nothing can follow");
    }

    @Test
    void aRequestThatCannotBecomeCompleteIs400() {
        connection.send(post(5) + "he");
        connection.sendNoMore();
        FullHttpResponse answer = connection.receive();
        Check.equal(400, answer.status().code());
        Check.contains("closed before the request was complete", text(answer));
        Check.that(!connection.isOpen(), "nothing can follow");
    }

    // --- too many connections

    @Test
    void aConnectionThatWaitsMakesRoom() {
        TestServer server = new TestServer().taking(1);
        TestConnection first = new TestConnection(server);
        TestConnection second = new TestConnection(server);
        first.runPendingTasks();
        Check.that(!first.isOpen(), "it made room");
        Check.that(second.isOpen(), "it found room");
    }

    @Test
    void aHalfSentRequestThatMakesRoomIs503() {
        TestServer server = new TestServer().taking(1);
        TestConnection first = new TestConnection(server);
        first.send(post(5) + "he");
        new TestConnection(server);
        first.runPendingTasks();
        FullHttpResponse answer = first.receive();
        Check.equal(503, answer.status().code());
        Check.contains("as many connections as it can", text(answer));
    }

    @Test
    void whoFindsNoRoomIs503() {
        TestServer server = new TestServer().taking(1);
        TestConnection first = new TestConnection(server);
        first.send(PING);
        TestConnection second = new TestConnection(server);
        FullHttpResponse answer = second.receive();
        Check.equal(503, answer.status().code());
        Check.equal("1", header(answer, "retry-after"));
        Check.equal("/ping", first.nextRequest());
    }

    @Test
    void aConnectionThatEndsMakesRoom() {
        TestServer server = new TestServer().taking(1);
        TestConnection first = new TestConnection(server);
        first.send(PING);
        first.disconnect();
        Check.equal(null, new TestConnection(server).receive());
    }
}
