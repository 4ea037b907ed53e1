package unet;

import static unet.TestConnection.PING;
import static unet.TestConnection.header;
import static unet.TestConnection.post;
import static unet.TestConnection.text;

import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.FullHttpResponse;
import java.time.Duration;
import java.time.Instant;

final class DrainTest {

    private static final Duration LONG = Duration.ofSeconds(50); // longer than all tests may take
    private static final Duration SHORT = Duration.ofMillis(20);

    private final Drain patient = new Drain(LONG);

    @Test
    void itEndsAtOnceIfNoClientWaits() {
        Check.that(secondsOf(patient) < 10, "it waits for nobody");
    }

    @Test
    void connectionsThatAreIdleDoNotHoldItUp() {
        TestConnection silent = new TestConnection(patient);
        TestConnection answered = new TestConnection(patient);
        answered.send(PING);
        answered.answer(200, "");
        Check.that(secondsOf(patient) < 10, "it waits for nobody");
        Check.that(silent.isOpen(), "it is closed by the end of the process");
    }

    @Test
    void itWaitsForTheAnswer() throws InterruptedException {
        TestConnection connection = new TestConnection(patient);
        connection.send(post(5) + "hello");
        Thread drain = start(patient);
        Check.that(drain.isAlive(), "it waits");
        connection.answer(200, "mask");
        join(drain);
        FullHttpResponse answer = connection.receive();
        Check.equal("mask", text(answer));
        Check.equal("close", header(answer, "connection"));
        Check.that(!connection.isOpen(), "the connection is closed");
    }

    @Test
    void aBodyThatHadBegunToArriveIsReadAndAnswered() throws InterruptedException {
        TestConnection connection = new TestConnection(patient);
        connection.send(post(5) + "he");
        Thread drain = start(patient);
        connection.send("llo");
        Check.equal("/invocations", connection.nextRequest());
        connection.answer(200, "mask");
        join(drain);
        Check.equal("mask", text(connection.receive()));
    }

    @Test
    void laterRequestsAreRefused() throws InterruptedException {
        TestConnection busy = new TestConnection(patient);
        TestConnection late = new TestConnection(patient);
        busy.send(PING);
        Thread drain = start(patient);
        late.send(PING);
        FullHttpResponse refusal = late.receive();
        Check.equal(503, refusal.status().code());
        Check.contains("server is shutting down", text(refusal));
        Check.equal("1", header(refusal, "retry-after"));
        Check.equal(null, late.nextRequest());
        Check.that(!late.isOpen(), "the connection is closed");
        busy.answer(200, "");
        join(drain);
    }

    @Test
    void whatIsNotAnsweredInTimeIsGivenUp() {
        Drain hasty = new Drain(SHORT);
        TestConnection waiting = new TestConnection(hasty);
        waiting.send(post(5) + "hello");
        hasty.run();
        waiting.runPendingTasks();
        Check.equal(503, waiting.receive().status().code());
        Check.that(!waiting.isOpen(), "the connection is closed");
    }

    @Test
    void aServerThatWillNeverAnswerGivesUpAtOnce() {
        TestConnection waiting = new TestConnection(patient);
        waiting.send(PING);
        patient.waitForNothing();
        Check.that(secondsOf(patient) < 10, "it does not wait");
        waiting.runPendingTasks();
        Check.equal(503, waiting.receive().status().code());
    }

    @Test
    void listenersAreOpenUntilNothingIsUnderWay() throws InterruptedException {
        EmbeddedChannel listener = new EmbeddedChannel();
        patient.addListener(listener);
        TestConnection connection = new TestConnection(patient);
        connection.send(PING);
        Thread drain = start(patient);
        Check.that(listener.isOpen(), "clients are still to be refused politely");
        connection.answer(200, "");
        join(drain);
        Check.that(!listener.isOpen(), "the listener is closed");
    }

    private static Thread start(Drain drain) throws InterruptedException {
        Thread thread = new Thread(drain, "drain");
        thread.start();
        Check.eventually(drain::hasBegun, "the drain began");
        return thread;
    }

    private static void join(Thread drain) throws InterruptedException {
        drain.join(10_000);
        Check.that(!drain.isAlive(), "the drain has ended");
    }

    private static double secondsOf(Drain drain) {
        Instant begin = Instant.now();
        drain.run();
        return Duration.between(begin, Instant.now()).toMillis() / 1e3;
    }
}
