package unet;

import static unet.TestConnection.post;

import com.amazonaws.ml.mms.util.messages.ModelInferenceRequest;
import com.amazonaws.ml.mms.util.messages.ModelWorkerResponse;
import com.amazonaws.ml.mms.util.messages.RequestInput;
import com.amazonaws.ml.mms.util.messages.WorkerCommands;
import com.amazonaws.ml.mms.wlm.Job;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.FullHttpResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

final class WaitingTest {

    private final Path folder = Files.createTempDirectory("gone");
    private final List<Job> queue = new ArrayList<>();
    private final Waiting waiting =
            new Waiting(Optional.of(folder), () -> List.of(queue), connection -> "a");
    private final EmbeddedChannel worker = new EmbeddedChannel(new WorkerWatch(waiting, new Pipes(folder, List::of), Duration.ofMillis(20)));

    WaitingTest() throws IOException {}

    @Test
    void whatIsInTheQueueIsTakenOut() {
        queue.add(new Job(null, "model", WorkerCommands.PREDICT, new RequestInput("b")));
        queue.add(new Job(null, "model", WorkerCommands.PREDICT, new RequestInput("a")));
        Check.that(waiting.leave("a"), "nothing is computed");
        Check.equal(List.of("b"), List.of(queue.get(0).getJobId()));
    }

    @Test
    void whatIsOnItsWayToAWorkerIsNotSent() {
        Check.that(waiting.leave("a"), "nothing is computed");
        worker.writeOutbound(request("a"));
        Check.equal(null, worker.readOutbound());
        ModelWorkerResponse response = worker.readInbound();
        Check.equal("a", response.getPredictions().get(0).getRequestId());
        worker.writeOutbound(request("a"));
        Check.that(worker.readOutbound() != null, "another request is sent");
    }

    @Test
    void aWorkerIsToldUntilItHasAnswered() {
        worker.writeOutbound(request("a"));
        Check.that(!Files.exists(folder.resolve("a")), "its client waits");
        Check.that(!waiting.leave("a"), "it is computed");
        Check.that(!waiting.leave("a"), "it is computed");
        Check.that(Files.exists(folder.resolve("a")), "the worker is told");
        worker.writeInbound(response("Prediction success"));
        Check.that(!Files.exists(folder.resolve("a")), "the worker has answered");
    }

    @Test
    void nothingIsLeftOfAWorkerThatEnds() {
        worker.writeOutbound(request("a"));
        waiting.leave("a");
        worker.close();
        Check.that(!Files.exists(folder.resolve("a")), "nobody computes it");
    }

    @Test
    void othersAreNotDropped() {
        worker.writeOutbound(request("b"));
        waiting.leave("a");
        Check.that(!Files.exists(folder.resolve("b")), "its client waits");
    }

    @Test
    void aClientThatLeavesIsNoticed() {
        Output.takeLines();
        TestConnection connection = new TestConnection(new TestServer().computing(waiting));
        queue.add(new Job(null, "model", WorkerCommands.PREDICT, new RequestInput("a")));
        connection.send(post(5) + "hello");
        connection.disconnect();
        Check.equal(List.of(), queue);
        Check.contains(
                "\"request\":\"POST /invocations\",\"status\":499,\"error\":\"client has gone",
                Output.takeLines().get(0));
    }

    @Test
    void aClientThatIsAnsweredHasNothingToLeave() {
        TestConnection connection = new TestConnection(new TestServer().computing(waiting));
        connection.send(post(5) + "hello");
        connection.nextRequest();
        connection.answer(200, "mask");
        connection.disconnect();
        worker.writeOutbound(request("a"));
        Check.that(worker.readOutbound() != null, "it is sent");
    }

    @Test
    void whoSendsNoMoreIsAskedWhetherItHasGone() {
        TestConnection connection = new TestConnection(new TestServer().computing(waiting));
        connection.send(post(5) + "hello");
        connection.sendNoMore();
        Check.equal(100, connection.receive().status().code());
        connection.answer(200, "mask");
        Check.equal(200, connection.receive().status().code());
    }

    @Test
    void whoKnowsNoInterimAnswersIsNotAsked() {
        TestConnection connection = new TestConnection(new TestServer().computing(waiting));
        connection.send("POST /invocations HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello");
        connection.sendNoMore();
        Check.equal(null, connection.receive());
        connection.answer(200, "mask");
        Check.equal(200, connection.receive().status().code());
    }

    @Test
    void aWorkerThatTakesTooLongIsKilled() throws IOException, InterruptedException {
        Process process = new ProcessBuilder("sleep", "600").start();
        worker.writeInbound(response("loaded [PID]:" + process.pid()));
        worker.writeOutbound(request("a"));
        Check.eventually(
                () -> {
                    worker.runScheduledPendingTasks();
                    return !process.isAlive();
                },
                "it is killed");
        FullHttpResponse died = TestConnection.response(500, "Worker died.");
        Check.equal(503, waiting.explain("a", died).status().code());
    }

    @Test
    void aWorkerThatHasAnsweredLives() throws IOException, InterruptedException {
        Process process = new ProcessBuilder("sleep", "600").start();
        worker.writeInbound(response("loaded [PID]:" + process.pid()));
        worker.writeOutbound(request("a"));
        worker.writeInbound(response("Prediction success"));
        Check.equal(-1L, worker.runScheduledPendingTasks());
        Check.that(process.isAlive(), "nothing is too long");
        process.destroyForcibly().waitFor();
        FullHttpResponse failed = TestConnection.response(500, "another reason");
        Check.same(failed, waiting.explain("a", failed));
    }

    private static ModelWorkerResponse response(String message) {
        ModelWorkerResponse response = new ModelWorkerResponse();
        response.setMessage(message);
        return response;
    }

    private static ModelInferenceRequest request(String id) {
        ModelInferenceRequest request = new ModelInferenceRequest("model");
        request.addRequest(new RequestInput(id));
        return request;
    }
}
