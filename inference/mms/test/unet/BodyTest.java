package unet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Arrays;
import java.util.Random;

final class BodyTest {

    private final Memory memory = new Memory(1_000_000);
    private final Memory.Part part = memory.part(() -> {});

    @Test
    void memoryIsTakenAsTheBodyComes() throws Refusal {
        Body body = new Body(part, 1_000_000, 1_000_000);
        Check.equal(0L, memory.taken());
        body.add(bytes(1));
        Check.equal(65_536L, memory.taken());
        body.add(bytes(65_535));
        Check.equal(65_536L, memory.taken());
        body.add(bytes(1));
        Check.equal(131_072L, memory.taken());
    }

    @Test
    void nothingIsTakenThatWillNotCome() throws Refusal {
        Body body = new Body(part, 1_000_000, 5);
        body.add(bytes(5));
        Check.equal(5L, memory.taken());
    }

    @Test
    void theWholeIsAnArrayWithoutMore() throws Refusal {
        byte[] bytes = new byte[200_000];
        new Random(0).nextBytes(bytes);
        Body body = new Body(part, 1_000_000, 1_000_000);
        body.add(Unpooled.wrappedBuffer(bytes, 0, 3));
        body.add(Unpooled.wrappedBuffer(bytes, 3, 150_000));
        body.add(Unpooled.wrappedBuffer(bytes, 150_003, 49_997));
        Check.that(Arrays.equals(bytes, body.complete().array()), "it is what came");
        Check.equal(200_000L, memory.taken());
        body.release();
        Check.equal(0L, memory.taken());
    }

    @Test
    void aBodyOfNothingTakesNothing() {
        Check.equal(0, new Body(part, 10, 0).complete().readableBytes());
        Check.equal(0L, memory.taken());
    }

    @Test
    void tooManyBytesAreRefused() throws Refusal {
        Body body = new Body(part, 10, 10);
        body.add(bytes(10));
        checkRefused(413, body, 1);
    }

    @Test
    void whatFindsNoMemoryIsRefused() {
        Check.that(memory.part(() -> {}).take(990_000), "990,000 of 1,000,000");
        checkRefused(503, new Body(part, 1_000_000, 1_000_000), 500_000);
    }

    private static void checkRefused(int status, Body body, int more) {
        try {
            body.add(bytes(more));
            throw new AssertionError("it was taken");
        } catch (Refusal refusal) {
            Check.equal(status, refusal.status().code());
        }
    }

    private static ByteBuf bytes(int size) {
        return Unpooled.wrappedBuffer(new byte[size]);
    }
}
