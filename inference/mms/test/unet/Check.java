package unet;

import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.function.BooleanSupplier;

/** Assertions. */
final class Check {

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private Check() {}

    static void equal(Object expected, Object actual) {
        if (!Objects.equals(expected, actual)) {
            throw new AssertionError("expected <" + expected + ">, not <" + actual + ">");
        }
    }

    static void same(Object expected, Object actual) {
        that(expected == actual, "expected the same object, not <" + actual + ">");
    }

    static void contains(String part, String text) {
        that(text.contains(part), "expected <" + part + "> in <" + text + ">");
    }

    static void that(boolean condition, String description) {
        if (!condition) {
            throw new AssertionError(description);
        }
    }

    /** Waits until {@code condition} holds. */
    static void eventually(BooleanSupplier condition, String description)
            throws InterruptedException {
        Instant deadline = Instant.now().plus(PATIENCE);
        while (!condition.getAsBoolean()) {
            that(Instant.now().isBefore(deadline), "never happened: " + description);
            Thread.sleep(2);
        }
    }
}
