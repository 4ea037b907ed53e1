package unet;

import com.amazonaws.ml.mms.util.codec.ModelResponseDecoder;
import com.amazonaws.ml.mms.util.messages.ModelWorkerResponse;
import com.amazonaws.ml.mms.util.messages.Predictions;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.function.BooleanSupplier;

final class AnswerGateTest {

    private final Memory memory = new Memory(10_000);
    private final EmbeddedChannel worker =
            new EmbeddedChannel(new AnswerGate(memory), new ModelResponseDecoder(100_000));

    @Test
    void anAnswerMayComeInAnyParts() {
        ByteBuf bytes = answer(3000);
        while (bytes.isReadable()) {
            worker.writeInbound(bytes.readRetainedSlice(1));
        }
        Predictions answer = received();
        Check.equal("a", answer.getRequestId());
        Check.equal("image/png", answer.getContentType());
        Check.equal(201, answer.getStatusCode());
        Check.equal(Map.of("warning", "größe", "b", ""), answer.getHeaders());
        Check.equal(3000, answer.getResp().length);
    }

    @Test
    void severalMayComeAtOnce() {
        worker.writeInbound(Unpooled.wrappedBuffer(loaded(), answer(5), answer(0), answer(7)));
        ModelWorkerResponse loaded = worker.readInbound();
        Check.equal("loaded model", loaded.getMessage());
        Check.equal(0, loaded.getPredictions().size());
        Check.equal(5, received().getResp().length);
        Check.equal(0, received().getResp().length);
        Check.equal(7, received().getResp().length);
    }

    @Test
    void memoryIsTakenBeforeItHasCome() throws InterruptedException {
        ByteBuf bytes = answer(3000);
        worker.writeInbound(bytes.readRetainedSlice(200));
        Check.that(memory.taken() > 6000, "it is held twice");
        worker.writeInbound(bytes);
        Check.equal(3000, received().getResp().length);
        eventually(() -> memory.taken() == 0, "it is copied");
    }

    @Test
    void whoFindsNoMemoryWaits() throws InterruptedException {
        Memory.Part other = memory.part(() -> {});
        other.take(8000);
        other.settle(8000);
        worker.writeInbound(answer(3000));
        Check.equal(null, worker.readInbound());
        Check.that(!worker.config().isAutoRead(), "no more is read");
        other.release();
        eventually(() -> worker.config().isAutoRead(), "there is room");
        Check.equal(3000, received().getResp().length);
    }

    @Test
    void aLargeOneIsReadAlone() {
        worker.writeInbound(answer(50_000));
        Check.equal(50_000, received().getResp().length);
    }

    @Test
    void nothingIsHeldOfAWorkerThatEnds() {
        worker.writeInbound(answer(3000).readRetainedSlice(2000));
        Check.that(memory.taken() > 0, "an answer is arriving");
        worker.close();
        Check.equal(0L, memory.taken());
    }

    private void eventually(BooleanSupplier condition, String description)
            throws InterruptedException {
        Check.eventually(
                () -> {
                    worker.runScheduledPendingTasks();
                    return condition.getAsBoolean();
                },
                description);
    }

    private Predictions received() {
        ModelWorkerResponse response = worker.readInbound();
        return response.getPredictions().get(0);
    }

    private static ByteBuf answer(int size) {
        ByteBuf bytes = Unpooled.buffer();
        bytes.writeInt(200);
        text(bytes, "Prediction success");
        text(bytes, "a");
        text(bytes, "image/png");
        bytes.writeInt(201);
        text(bytes, "Created");
        bytes.writeInt(2);
        text(bytes, "warning");
        text(bytes, "größe");
        text(bytes, "b");
        text(bytes, "");
        bytes.writeInt(size);
        bytes.writeZero(size);
        return bytes.writeInt(-1);
    }

    private static ByteBuf loaded() {
        ByteBuf bytes = Unpooled.buffer();
        bytes.writeInt(200);
        text(bytes, "loaded model");
        return bytes.writeInt(-1);
    }

    private static void text(ByteBuf bytes, String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        bytes.writeInt(utf8.length);
        bytes.writeBytes(utf8);
    }
}
