package unet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.List;

final class ChunksTest {

    private static final String BODY = "5\r\nhello\r\n0A\r\n0123456789\r\n0\r\n\r\n";

    @Test
    void theEndIsFound() throws Refusal {
        ByteBuf bytes = bytes(BODY + "GET");
        Chunks chunks = new Chunks();
        chunks.skip(bytes);
        Check.that(chunks.haveEnded(), "the end was there");
        Check.equal("GET", bytes.toString(StandardCharsets.UTF_8));
    }

    @Test
    void theyMayComeByteByByte() throws Refusal {
        Chunks chunks = new Chunks();
        for (char next : BODY.toCharArray()) {
            Check.that(!chunks.haveEnded(), "there is more");
            chunks.skip(bytes("" + next));
        }
        Check.that(chunks.haveEnded(), "the end was there");
    }

    @Test
    void aTrailerMayFollow() throws Refusal {
        Chunks chunks = new Chunks();
        chunks.skip(bytes("0\r\nX-Sum: 5\r\n\r\n"));
        Check.that(chunks.haveEnded(), "the end was there");
    }

    @Test
    void whatProxiesReadOtherwiseIsRefused() {
        for (String body :
                List.of(
                        "5;a=b\r\nhello\r\n",
                        "5 \r\nhello\r\n",
                        "5\nhello\n",
                        "5\r\nhello!\r\n",
                        "-5\r\n",
                        "0x5\r\n",
                        "\r\n",
                        "FFFFFFFFF\r\n",
                        "0".repeat(40) + "\r\n",
                        "0\r\nno colon\r\n\r\n")) {
            checkRefused(body);
        }
    }

    private static void checkRefused(String body) {
        try {
            new Chunks().skip(bytes(body));
            throw new AssertionError("it was read: " + body);
        } catch (Refusal refusal) {
            Check.equal(400, refusal.status().code());
        }
    }

    private static ByteBuf bytes(String text) {
        return Unpooled.copiedBuffer(text, StandardCharsets.UTF_8);
    }
}
