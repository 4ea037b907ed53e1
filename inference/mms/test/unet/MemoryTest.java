package unet;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

final class MemoryTest {

    private final List<String> losers = new ArrayList<>();
    private long now; // nanoseconds
    private final Memory memory = new Memory(1_000_000, () -> now);

    @Test
    void partsFindRoomUpToTheLimit() {
        Check.that(part("a").take(600_000), "0.6 of 1");
        Check.that(part("b").take(400_000), "1 of 1");
        Check.that(!part("c").take(100_000), "1.1 of 1");
        Check.equal(1_000_000L, memory.taken());
    }

    @Test
    void smallPartsFindRoomBesideLargeOnes() {
        Check.that(part("a").take(1_000_000), "1 of 1");
        Check.that(part("b").take(50_000), "it is small");
        Check.that(!part("c").take(70_000), "it is not small");
    }

    @Test
    void aPartThatIsAloneMayBeLarger() {
        Memory.Part part = part("a");
        Check.that(part.take(1_000_000), "it is alone");
        Check.that(part.take(1_000_000), "it is still alone");
        Check.that(!part("b").take(100_000), "it is not alone");
    }

    @Test
    void oneThatIsLargerLeavesTheSmallTheirRoom() {
        Memory.Part large = part("large");
        large.take(1_250_000);
        Memory.Part small = part("small");
        Check.that(small.take(60_000), "a quarter of 1 is for the small");
        Check.that(!part("b").take(60_000), "it would leave 0.13 to smaller ones, not 0.18");
        small.release();
        Check.that(part("b").take(60_000), "it leaves 0.19 to smaller ones");
    }

    @Test
    void theSmallLeaveRoomToTheSmaller() {
        part("large").take(1_000_000);
        while (part("small").take(40_000)) {}
        Check.that(part("smaller").take(20_000), "others hold 80,000");
        while (part("smaller").take(10_000)) {}
        Check.that(part("a few bytes").take(5), "there is always room for them");
    }

    @Test
    void whatGrowsIsNoLongerSmall() {
        Memory.Part part = part("a");
        part.take(50_000);
        part.take(850_000);
        Check.that(part("b").take(60_000), "0.96 of 1");
        part.settle(40_000);
        part.release();
        part.release();
        Check.equal(60_000L, memory.taken());
    }

    @Test
    void whatIsReleasedIsThereAgain() {
        Memory.Part part = part("a");
        part.take(1_000_000);
        part.release();
        part.release();
        Check.equal(0L, memory.taken());
    }

    @Test
    void ofThoseWhoAskAtOnceOneFindsRoom() {
        Memory.Part first = part("first");
        Memory.Part second = part("second");
        first.take(500_000);
        second.take(500_000);
        Check.that(!first.take(100_000), "the second holds what it would need");
        Check.that(second.take(100_000), "the first holds nothing, though it is not released yet");
        Check.equal(600_000L, memory.taken());
        first.release();
        Check.equal(600_000L, memory.taken());
    }

    @Test
    void whoIsSlowLosesItsPart() {
        Memory.Part slow = part("slow");
        Memory.Part slower = part("slower");
        slow.take(400_000);
        slower.take(400_000);
        pass(3);
        slow.moved(10_000);
        Check.that(part("new").take(400_000), "the slowest gives way");
        Check.equal(List.of("slower"), losers);
        Check.that(!slower.take(1), "it has lost");
        Check.equal(800_000L, memory.taken());
    }

    @Test
    void whoTricklesIsSlow() {
        Memory.Part part = part("trickling");
        part.take(900_000);
        part.moved(900_000);
        for (int second = 0; second < 4; second++) {
            pass(1);
            part.moved(1);
        }
        Check.that(part("new").take(400_000), "the slow one gives way");
        Check.equal(List.of("trickling"), losers);
    }

    @Test
    void whoIsFastKeepsItsPart() {
        Memory.Part part = part("fast");
        part.take(900_000);
        for (int second = 0; second < 4; second++) {
            pass(1);
            part.moved(200_000);
        }
        Check.that(!part("new").take(400_000), "nobody gives way");
        Check.equal(List.of(), losers);
    }

    @Test
    void whatHasComeAsAWholeStays() {
        Memory.Part part = part("complete");
        part.take(900_000);
        part.settle(800_000);
        pass(3);
        Check.that(!part("new").take(400_000), "nobody gives way");
        Check.equal(800_000L, memory.taken());
    }

    @Test
    void whatMmsHoldsIsTakenUntilItLetsGo() throws InterruptedException {
        Object held = new Object();
        Memory.Part part = part("a");
        part.take(900_000);
        part.releaseWith(held);
        Check.that(!part("new").take(400_000), "MMS holds it");
        Check.that(held.hashCode() != 0 || true, "it is used up to here");
        held = null;
        Check.eventually(
                () -> {
                    pass(2);
                    return part("new").take(400_000);
                },
                "MMS let go of it");
    }

    private Memory.Part part(String owner) {
        return memory.part(() -> losers.add(owner));
    }

    private void pass(long seconds) {
        now += TimeUnit.SECONDS.toNanos(seconds);
    }
}
