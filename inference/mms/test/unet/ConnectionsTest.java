package unet;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

final class ConnectionsTest {

    private long now = TimeUnit.HOURS.toNanos(1);
    private final List<String> dismissed = new ArrayList<>();
    private final Connections connections = new Connections(2, () -> now);

    @Test
    void thereIsRoomUpToTheLimit() {
        Check.that(admit("a", Connections.Waiting.NOT, 1), "1 of 2");
        Check.that(admit("b", Connections.Waiting.NOT, 2), "2 of 2");
        Check.that(!admit("c", Connections.Waiting.FOR_A_REQUEST, 3), "3 of 2");
        Check.equal(List.of(), dismissed);
    }

    @Test
    void whoWaitsLongestMakesRoom() {
        admit("late", Connections.Waiting.FOR_A_REQUEST, 2);
        admit("early", Connections.Waiting.FOR_A_REQUEST, 1);
        Check.that(admit("new", Connections.Waiting.FOR_A_REQUEST, 3), "there is room now");
        Check.equal(List.of("early"), dismissed);
    }

    @Test
    void whoHasBegunWithARequestStaysLonger() {
        admit("body", Connections.Waiting.FOR_A_BODY, 1);
        admit("head", Connections.Waiting.FOR_A_HEAD, 2);
        Check.that(admit("new", Connections.Waiting.NOT, 3), "there is room now");
        Check.that(admit("newer", Connections.Waiting.NOT, 4), "there is room now");
        Check.equal(List.of("head", "body"), dismissed);
    }

    @Test
    void whoHasJustComeStaysLonger() {
        admit("slow", Connections.Waiting.FOR_A_HEAD, 1);
        admit("fresh", Connections.Waiting.FOR_A_REQUEST, now - 1);
        Check.that(admit("new", Connections.Waiting.NOT, now), "there is room now");
        Check.equal(List.of("slow"), dismissed);
    }

    private boolean admit(String name, Connections.Waiting waiting, long since) {
        return connections.admit(
                new Connections.Connection() {
                    @Override
                    public Connections.Waiting waiting() {
                        return waiting;
                    }

                    @Override
                    public long waitingSince() {
                        return since;
                    }

                    @Override
                    public void dismiss() {
                        dismissed.add(name);
                    }
                });
    }
}
