package unet;

import static unet.TestConnection.LARGEST_BODY;
import static unet.TestConnection.PING;
import static unet.TestConnection.header;
import static unet.TestConnection.post;
import static unet.TestConnection.text;

import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;

final class ExchangeTest {

    private static final Duration LONG = Duration.ofSeconds(50); // longer than all tests may take
    private static final Duration SHORT = Duration.ofMillis(20);

    private final Drain drain = new Drain(Duration.ofSeconds(25));
    private final Memory bodies = new Memory(LARGEST_BODY);
    private final Memory answers = new Memory(LARGEST_BODY);
    private final TestServer server = new TestServer(drain).remembering(bodies, answers);
    private final TestConnection connection = new TestConnection(server);

    // --- who is busy

    @Test
    void aRequestIsHandedOnAndAnswered() {
        connection.send(post(5) + "hello");
        Check.equal("/invocations", connection.nextRequest());
        connection.answer(200, "mask");
        Check.equal("mask", text(connection.receive()));
        Check.that(connection.isOpen(), "the connection stays open");
    }

    @Test
    void pipelinedRequestsAreLoggedInTheirOrder() {
        Output.takeLines();
        connection.send("GET /models/a HTTP/1.1\r\n\r\nGET /models/b HTTP/1.1\r\n\r\n");
        connection.answer(200, "A");
        connection.answer(404, "{\"message\": \"no b\"}");
        List<String> lines = Output.takeLines();
        Check.contains("\"request\":\"GET /models/a\",\"status\":200", lines.get(0));
        Check.contains(
                "\"request\":\"GET /models/b\",\"status\":404,\"error\":\"no b\"", lines.get(1));
    }

    @Test
    void aConnectionIsBusyFromTheHeadOfARequestUntilTheAnswerIsSent() {
        Check.that(!isBusy(), "nothing was sent");
        connection.send(post(5));
        Check.that(isBusy(), "a head was sent");
        connection.send("hello");
        Check.that(isBusy(), "it is not answered");
        connection.answer(200, "mask");
        Check.that(!isBusy(), "the answer was sent");
    }

    @Test
    void aConnectionThatIsLostIsNotBusy() {
        connection.send(post(50_000) + "he");
        Check.that(isBusy(), "a body is arriving");
        connection.disconnect();
        Check.that(!isBusy(), "the client is gone");
        Check.equal(0L, bodies.taken());
    }

    @Test
    void continueIsNoAnswer() {
        connection.send(post(5, "Expect: 100-continue\r\n"));
        Check.equal(100, connection.receive().status().code());
        Check.that(isBusy(), "the request is not answered");
        connection.send("hello");
        Check.equal("/invocations", connection.nextRequest());
        connection.answer(200, "mask");
        Check.equal("mask", text(connection.receive()));
    }

    @Test
    void anAnswerThatNobodyAwaitsIsDropped() {
        connection.answer(200, "mask");
        Check.equal(null, connection.receive());
    }

    @Test
    void aLargeAnswerIsSentInParts() {
        connection.send(PING);
        connection.answer(200, "x".repeat(200_000));
        Check.equal("x".repeat(200_000), text(connection.receive()));
        Check.equal(0L, answers.taken());
    }

    // --- keep-alive

    @Test
    void aClientOfHttp11MayAskForTheEnd() {
        connection.send("GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n");
        Check.that(connection.isOpen(), "the request is not answered");
        answerClosing();
    }

    @Test
    void aClientOfHttp10GetsTheEnd() {
        connection.send("GET /ping HTTP/1.0\r\n\r\n");
        answerClosing();
    }

    @Test
    void aClientOfHttp10MayAskForMore() {
        connection.send("GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        connection.answer(200, "");
        Check.that(connection.receive() != null, "the request is answered");
        Check.that(connection.isOpen(), "the connection stays open");
    }

    @Test
    void anAnswerMayAskForTheEnd() {
        connection.send(PING);
        FullHttpResponse response = TestConnection.response(200, "");
        response.headers().set("connection", "close");
        connection.answer(response);
        Check.that(!connection.isOpen(), "the connection is closed");
    }

    @Test
    void nothingFollowsARequestThatAsksForTheEnd() {
        connection.send("GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n" + PING);
        Check.equal("/ping", connection.nextRequest());
        connection.answer(200, "1");
        Check.equal("1", text(connection.receive()));
        Check.equal(null, connection.nextRequest());
    }

    private void answerClosing() {
        connection.answer(200, "");
        Check.equal("close", header(connection.receive(), "connection"));
        Check.that(!connection.isOpen(), "the connection is closed");
    }

    // --- refusal

    @Test
    void whatIsNotThereIsAnsweredAtOnce() {
        connection.send("GET /nowhere HTTP/1.1\r\n\r\n");
        checkRefused(404, "there is nothing at");
    }

    @Test
    void methodsAreListed() {
        connection.send("PUT /invocations HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
        Check.equal("POST", header(checkRefused(405, "takes POST"), "allow"));
    }

    @Test
    void whatIsNoModelIsNotHandedOn() {
        connection.send("POST /models?url=http://a/b&model_name=a HTTP/1.1\r\n\r\n");
        checkRefused(400, "absolute path");
    }

    @Test
    void aModelIsHandedOnInTheOnlyForm() {
        connection.send("POST /models?url=/tmp&model_name=a HTTP/1.1\r\n\r\n");
        FullHttpRequest request = connection.takeRequest();
        Check.equal("/models", request.uri());
        Check.equal("application/json", request.headers().get("content-type"));
        Check.equal(
                "{\"model_name\":\"a\",\"url\":\"/tmp\",\"handler\":\"ours\"}",
                request.content().toString(StandardCharsets.UTF_8));
    }

    @Test
    void aHeadTakesNoMemory() {
        TestConnection other = new TestConnection(server);
        other.send(post(LARGEST_BODY));
        connection.send(post(60_000) + "x".repeat(60_000));
        Check.equal("/invocations", connection.nextRequest());
        Check.equal(60_000L, bodies.taken());
    }

    @Test
    void aBodyThatFindsNoMemoryIsRefused() {
        TestConnection other = new TestConnection(server);
        other.send(post(60_000) + "x".repeat(60_000));
        connection.send(post(60_000) + "x".repeat(50_000));
        FullHttpResponse refusal = checkRefused(503, "as many large requests as its memory allows");
        Check.equal("1", header(refusal, "retry-after"));
        Check.that(connection.isOpen(), "closing now would reset the connection");
        connection.send("x".repeat(10_000));
        Check.that(!connection.isOpen(), "the body has come");
    }

    @Test
    void chunksTakeMemory() {
        TestConnection other = new TestConnection(server);
        other.send(post(60_000) + "x".repeat(60_000));
        connection.send("POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection.send("C350\r\n" + "x".repeat(50_000));
        checkRefused(503, "as its memory allows");
    }

    @Test
    void theMemoryIsFreeBeforeTheAnswerIsSent() {
        connection.send(post(60_000) + "x".repeat(60_000));
        Check.equal(60_000L, bodies.taken());
        connection.answer(200, "mask");
        Check.equal(0L, bodies.taken());
    }

    @Test
    void whatMmsHoldsStaysTakenWhenTheClientLeaves() {
        connection.send(post(60_000) + "x".repeat(60_000));
        FullHttpRequest held = connection.takeRequest();
        connection.disconnect();
        Check.equal(60_000L, bodies.taken());
        Check.equal(60_000, held.content().array().length);
    }

    @Test
    void anAnswerThatFindsNoMemoryIs503() {
        answers.part(() -> {}).take(90_000);
        connection.send(PING);
        connection.answer(200, "x".repeat(20_000));
        checkAnswer(503, "answers that clients do not read");
    }

    private FullHttpResponse checkRefused(int status, String message) {
        Check.equal(null, connection.nextRequest());
        FullHttpResponse answer = checkAnswer(status, message);
        Check.equal("close", header(answer, "connection"));
        return answer;
    }

    private FullHttpResponse checkAnswer(int status, String message) {
        FullHttpResponse answer = connection.receive();
        Check.equal(status, answer.status().code());
        Check.contains(message, text(answer));
        Check.that(header(answer, "x-request-id") != null, "it has an id");
        return answer;
    }

    // --- half-sent bodies

    @Test
    void aBodyThatIsTooLargeIsAnsweredAtOnceAndTheConnectionStaysUntilItHasCome() {
        int length = LARGEST_BODY + 1;
        connection.send(post(length) + "x".repeat(length - 1));
        checkRefused(413, "larger than the 100,000 bytes that are taken here");
        Check.that(connection.isOpen(), "closing now would reset the connection");
        connection.send("x");
        Check.that(!connection.isOpen(), "the body has come");
    }

    @Test
    void aBodyInChunksThatIsTooLargeIsAnsweredWhenItIs() {
        connection.send("POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection.send("30D40\r\n" + "x".repeat(100_000));
        Check.equal(null, connection.receive());
        connection.send("x");
        checkRefused(413, "larger than the 100,000 bytes that are taken here");
    }

    @Test
    void theRestOfARefusedBodyIsNotAwaitedForEver() throws InterruptedException {
        TestConnection other = new TestConnection(new TestServer().waiting(SHORT, LONG));
        other.send(post(LARGEST_BODY + 1));
        Check.equal(413, other.receive().status().code());
        other.awaitEnd();
        Check.equal(null, other.receive());
    }

    @Test
    void aHalfSentBodyIsGivenUp() {
        connection.send(post(5) + "he");
        connection.giveUp();
        Check.equal(null, connection.receive()); // it runs in the event loop
        connection.runPendingTasks();
        checkAnswer(503, "server is shutting down");
        Check.that(!connection.isOpen(), "the connection is closed");
        Check.that(!isBusy(), "nothing is expected any more");
    }

    @Test
    void whatComesAfterItIsGivenUpIsDropped() {
        connection.send(PING);
        connection.giveUp();
        connection.runPendingTasks();
        Check.equal(503, connection.receive().status().code());
        connection.answerWhenClosed(200, "late");
        Check.equal(null, connection.receive());
    }

    private boolean isBusy() {
        return !drain.isIdle();
    }
}
