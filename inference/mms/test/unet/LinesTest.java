package unet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;

final class LinesTest {

    private final Lines lines = new Lines(20);

    @Test
    void linesMayComeInParts() throws Refusal {
        Check.equal(null, lines.next(bytes("GET /")));
        Check.equal("GET /", lines.begun());
        Check.equal(null, lines.next(bytes("x\r")));
        Check.equal("GET /x", lines.next(bytes("\n")));
        Check.equal("", lines.next(bytes("\r\n")));
    }

    @Test
    void whatFollowsALineIsLeft() throws Refusal {
        ByteBuf bytes = bytes("a\r\nb");
        Check.equal("a", lines.next(bytes));
        Check.equal(1, bytes.readableBytes());
    }

    @Test
    void aLineFeedAloneIsRefused() {
        checkRefused(400, "a\nb\r\n");
        checkRefused(400, "\n");
    }

    @Test
    void aCarriageReturnAloneIsRefused() {
        checkRefused(400, "a\rb\r\n");
        checkRefused(400, "a\r\r\n");
    }

    @Test
    void aNulIsRefused() {
        checkRefused(400, "a\0b\r\n");
    }

    @Test
    void tooManyBytesAreRefused() {
        checkRefused(431, "a".repeat(21));
    }

    @Test
    void allLinesCountUntilTheReset() throws Refusal {
        lines.next(bytes("a".repeat(10) + "\r\n"));
        lines.reset();
        lines.next(bytes("a".repeat(10) + "\r\n"));
        checkRefused(431, "a".repeat(10));
    }

    private void checkRefused(int status, String text) {
        try {
            lines.next(bytes(text));
            throw new AssertionError("it was read");
        } catch (Refusal refusal) {
            Check.equal(status, refusal.status().code());
            lines.reset();
        }
    }

    private static ByteBuf bytes(String text) {
        return Unpooled.copiedBuffer(text, StandardCharsets.UTF_8);
    }
}
