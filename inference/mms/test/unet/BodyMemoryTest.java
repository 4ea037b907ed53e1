package unet;

final class BodyMemoryTest {

    private final BodyMemory memory = new BodyMemory(100);

    @Test
    void bodiesFindRoomUpToTheLimit() {
        Check.that(memory.reserve(60), "60 of 100");
        Check.that(memory.reserve(40), "100 of 100");
        Check.that(!memory.reserve(1), "101 of 100");
    }

    @Test
    void whatIsReleasedIsThereAgain() {
        memory.reserve(100);
        memory.release(30);
        Check.that(!memory.reserve(31), "101 of 100");
        Check.that(memory.reserve(30), "100 of 100");
    }

    @Test
    void aBodyThatIsRefusedTakesNoRoom() {
        memory.reserve(60);
        Check.that(!memory.reserve(60), "120 of 100");
        Check.that(memory.reserve(40), "100 of 100");
    }

    @Test
    void aBodyThatIsAloneMayBeLarger() {
        Check.that(memory.reserve(1000), "it is alone");
        Check.that(!memory.reserve(1), "it is not alone");
    }
}
