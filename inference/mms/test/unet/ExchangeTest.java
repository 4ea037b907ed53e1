package unet;

import static unet.TestConnection.LARGEST_BODY;
import static unet.TestConnection.PING;
import static unet.TestConnection.header;
import static unet.TestConnection.post;
import static unet.TestConnection.text;

import io.netty.handler.codec.http.FullHttpResponse;
import java.time.Duration;
import java.util.List;

final class ExchangeTest {

    private final Drain drain = new Drain(Duration.ofSeconds(25));
    private final BodyMemory memory = new BodyMemory(LARGEST_BODY);
    private final TestConnection connection = new TestConnection(drain, memory);

    // --- order

    @Test
    void aRequestIsHandedOnAndAnswered() {
        connection.send(post(5) + "hello");
        Check.equal("/invocations", connection.nextRequest());
        connection.answer(200, "mask");
        Check.equal("mask", text(connection.receive()));
        Check.that(connection.isOpen(), "the connection stays open");
    }

    @Test
    void pipelinedRequestsAreAnsweredInTheirOrder() {
        Output.takeLines();
        connection.send("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
        Check.equal("/a", connection.nextRequest());
        Check.equal("/b", connection.nextRequest());
        connection.answer(200, "A");
        connection.answer(404, "{\"message\": \"no b\"}");
        Check.equal("A", text(connection.receive()));
        Check.equal(404, connection.receive().status().code());
        List<String> lines = Output.takeLines();
        Check.contains("\"request\":\"GET /a\",\"status\":200", lines.get(0));
        Check.contains("\"request\":\"GET /b\",\"status\":404,\"error\":\"no b\"", lines.get(1));
    }

    @Test
    void aConnectionIsBusyUntilTheLastPipelinedRequestIsAnswered() {
        connection.send(PING + PING);
        connection.answer(200, "");
        Check.that(isBusy(), "one request is not answered");
        connection.answer(200, "");
        Check.that(!isBusy(), "both requests are answered");
    }

    @Test
    void aConnectionIsBusyFromTheHeadOfARequestUntilTheAnswerIsSent() {
        Check.that(!isBusy(), "nothing was sent");
        connection.send(post(5));
        Check.that(isBusy(), "a head was sent");
        connection.send("hello");
        connection.answerLater(200, "mask");
        Check.that(isBusy(), "the answer waits in the channel");
        connection.flush();
        Check.that(!isBusy(), "the answer was sent");
    }

    @Test
    void aConnectionThatIsLostIsNotBusy() {
        connection.send(post(50_000) + "he");
        Check.that(isBusy(), "a body is arriving");
        connection.disconnect();
        Check.that(!isBusy(), "the client is gone");
        Check.that(memory.reserve(LARGEST_BODY), "its room is free");
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
    void aRequestThatIsNoHttpIsHandedOn() {
        connection.send("GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n");
        Check.that(connection.nextRequest() != null, "MMS answers it 400");
        connection.answer(400, "");
        Check.equal(400, connection.receive().status().code());
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
    void theEndComesAfterAllPipelinedRequests() {
        connection.send(PING + "GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n");
        connection.answer(200, "1");
        Check.that(connection.isOpen(), "one request is not answered");
        connection.answer(200, "2");
        Check.that(!connection.isOpen(), "both requests are answered");
        Check.equal("1", text(connection.receive()));
        Check.equal("2", text(connection.receive()));
    }

    private void answerClosing() {
        connection.answer(200, "");
        Check.equal("close", header(connection.receive(), "connection"));
        Check.that(!connection.isOpen(), "the connection is closed");
    }

    // --- refusal

    @Test
    void aBodyThatFindsNoRoomIsRefused() {
        TestConnection other = new TestConnection(drain, memory);
        other.send(post(60_000) + "he");
        connection.send(post(60_000));
        FullHttpResponse refusal = connection.receive();
        Check.equal(503, refusal.status().code());
        Check.contains("as many large requests as its memory allows", text(refusal));
        Check.contains("\"type\": \"ServiceUnavailableException\"", text(refusal));
        Check.equal("1", header(refusal, "retry-after"));
        Check.equal("close", header(refusal, "connection"));
        Check.equal(null, connection.nextRequest());
    }

    @Test
    void theConnectionOfARefusalIsClosedWhenTheBodyHasCome() {
        memory.reserve(LARGEST_BODY);
        connection.send(post(60_000) + "x".repeat(59_999));
        Check.equal(503, connection.receive().status().code());
        Check.that(connection.isOpen(), "closing now would reset the connection");
        connection.send("x");
        Check.that(!connection.isOpen(), "the connection is closed");
        Check.equal(null, connection.nextRequest());
    }

    @Test
    void aRefusalWaitsForEarlierAnswers() {
        memory.reserve(LARGEST_BODY);
        connection.send(PING + post(5) + "hello");
        Check.equal(null, connection.receive());
        connection.answer(200, "A");
        FullHttpResponse earlier = connection.receive();
        Check.equal("A", text(earlier));
        Check.equal(null, header(earlier, "connection"));
        FullHttpResponse refusal = connection.receive();
        Check.equal(503, refusal.status().code());
        Check.equal("close", header(refusal, "connection"));
        Check.equal("/ping", connection.nextRequest());
        Check.equal(null, connection.nextRequest());
        Check.that(!connection.isOpen(), "the connection is closed");
        Check.that(!isBusy(), "both requests are answered");
    }

    @Test
    void requestsBetweenRefusalsAreAnsweredInTheirOrder() {
        memory.reserve(LARGEST_BODY);
        connection.send((PING + post(5) + "hello").repeat(2));
        connection.answer(200, "1");
        connection.answer(200, "3");
        Check.equal("1", text(connection.receive()));
        Check.equal(503, connection.receive().status().code());
        Check.equal("3", text(connection.receive()));
        Check.equal(503, connection.receive().status().code());
        Check.equal(null, connection.receive());
        Check.that(!connection.isOpen(), "the connection is closed");
    }

    @Test
    void smallBodiesFindRoomBesideALargeOne() {
        TestConnection other = new TestConnection(drain, memory);
        other.send(post(60_000) + "he");
        connection.send(post(5) + "hello");
        Check.equal("/invocations", connection.nextRequest());
    }

    @Test
    void theRoomIsFreeBeforeTheAnswerIsSent() {
        connection.send(post(60_000) + "x".repeat(60_000));
        Check.that(!memory.reserve(60_000), "the body is there");
        connection.answerLater(200, "mask");
        Check.equal(null, connection.receive());
        Check.that(memory.reserve(60_000), "whoever has the answer may send the next body");
    }

    @Test
    void theRoomOfOtherBodiesStaysTaken() {
        TestConnection other = new TestConnection(drain, memory);
        other.send(post(40_000) + "he");
        connection.send(post(40_000) + "x".repeat(40_000));
        connection.answer(200, "");
        Check.that(!memory.reserve(60_001), "100,001 of 100,000");
        Check.that(memory.reserve(60_000), "100,000 of 100,000");
    }

    @Test
    void theRoomOfPipelinedBodiesIsFreeWhenAllAreAnswered() {
        connection.send((post(40_000) + "x".repeat(40_000)).repeat(2));
        connection.answer(200, "");
        Check.that(!memory.reserve(40_000), "one request is not answered");
        connection.answer(200, "");
        Check.that(memory.reserve(LARGEST_BODY), "both requests are answered");
    }

    // --- half-sent bodies

    @Test
    void aBodyThatIsTooLargeIsAnsweredAtOnceAndTheConnectionStaysUntilItHasCome() {
        int length = LARGEST_BODY + 1;
        connection.send(post(length) + "x".repeat(length - 1));
        FullHttpResponse answer = connection.receive();
        Check.equal(413, answer.status().code());
        Check.contains("larger than the 100,000 bytes that this server takes", text(answer));
        Check.that(connection.isOpen(), "closing now would reset the connection");
        connection.send("x" + PING);
        Check.equal("/ping", connection.nextRequest());
    }

    @Test
    void aHalfSentBodyIsGivenUp() {
        connection.send(post(5) + "he");
        connection.exchange.giveUp();
        Check.equal(null, connection.receive()); // it runs in the event loop
        connection.runPendingTasks();
        FullHttpResponse answer = connection.receive();
        Check.equal(503, answer.status().code());
        Check.contains("server is shutting down", text(answer));
        Check.that(!connection.isOpen(), "the connection is closed");
        Check.that(!isBusy(), "nothing is expected any more");
    }

    @Test
    void allPipelinedRequestsAreGivenUp() {
        connection.send(PING + PING + post(5) + "he");
        connection.answer(200, "");
        connection.exchange.giveUp();
        connection.runPendingTasks();
        Check.equal(200, connection.receive().status().code());
        Check.equal(503, connection.receive().status().code());
        Check.equal(503, connection.receive().status().code());
        Check.equal(null, connection.receive());
        Check.that(!connection.isOpen(), "the connection is closed");
    }

    @Test
    void aRefusalThatWaitsIsGivenUpOnce() {
        memory.reserve(LARGEST_BODY);
        connection.send(PING + post(5) + "he");
        connection.exchange.giveUp();
        connection.runPendingTasks();
        Check.equal(503, connection.receive().status().code());
        Check.equal(503, connection.receive().status().code());
        Check.equal(null, connection.receive());
        Check.that(!connection.isOpen(), "the connection is closed");
    }

    private boolean isBusy() {
        return !drain.isIdle();
    }
}
