package unet;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

final class HeadTest {

    @Test
    void aHeadIsHandedOnAsItCame() throws Refusal {
        Head head = head("Accept: */*", "X-Odd: a:b\tgrö\u00dfe");
        Check.equal(
                "POST /invocations HTTP/1.1\r\nAccept: */*\r\nX-Odd: a:b\tgrö\u00dfe\r\n\r\n",
                head.bytes().toString(StandardCharsets.ISO_8859_1));
    }

    @Test
    void theLengthOfABodyIsRead() throws Refusal {
        Check.equal(0L, head().length());
        Check.equal(12L, head("content-LENGTH:  12 ").length());
    }

    @Test
    void chunksAreKnown() throws Refusal {
        Check.that(head("transfer-encoding: Chunked").isChunked(), "it has chunks");
        Check.that(!head("Content-Length: 1").isChunked(), "it has none");
    }

    @Test
    void whatIsAmbiguousIsRefused() {
        checkRefused("Transfer-Encoding: chunked", "Content-Length: 5");
        checkRefused("Content-Length: 5", "Content-Length: 6");
        checkRefused("Content-Length: 5, 5");
        checkRefused("Content-Length: +5");
        checkRefused("Content-Length: -5");
        checkRefused("Content-Length: 0x5");
        checkRefused("Content-Length:");
        checkRefused("Content-Length: 9999999999999999999");
        checkRefused("Host: a", "Host: b");
        checkRefused("Origin: http://a", "origin: http://b");
    }

    @Test
    void oddCodingsAreRefused() {
        checkRefused("Transfer-Encoding: gzip, chunked");
        checkRefused("Transfer-Encoding: chunked, chunked");
        checkRefused("Transfer-Encoding: chunked", "Transfer-Encoding: chunked");
        checkRefused("Transfer-Encoding: xchunked");
        checkRefused("Transfer-Encoding: identity");
        checkRefused("Transfer-Encoding:");
        checkLineRefused("POST / HTTP/1.0", "Transfer-Encoding: chunked");
    }

    @Test
    void malformedFieldsAreRefused() {
        checkRefused("Content-Length : 5");
        checkRefused(" folded: value");
        checkRefused("no colon");
        checkRefused(": no name");
        checkRefused("Na me: value");
        checkRefused("Name: bell\u0007");
    }

    @Test
    void malformedRequestLinesAreRefused() {
        for (String line :
                List.of(
                        "GET /",
                        "GET  / HTTP/1.1",
                        "GET / HTTP/1.1 ",
                        "GET / HTTP/2.0",
                        "GET / http/1.1",
                        "PRI * HTTP/2.0",
                        "G\u00c9T / HTTP/1.1",
                        "GET /gr\u00f6\u00dfe HTTP/1.1",
                        "\u0016\u0003\u0001")) {
            checkLineRefused(line);
        }
    }

    private static Head head(String... fields) throws Refusal {
        return headOf("POST /invocations HTTP/1.1", fields);
    }

    private static Head headOf(String line, String... fields) throws Refusal {
        List<String> lines = new ArrayList<>(List.of(line));
        lines.addAll(List.of(fields));
        return new Head(lines);
    }

    private static void checkRefused(String... fields) {
        checkLineRefused("POST /invocations HTTP/1.1", fields);
    }

    private static void checkLineRefused(String line, String... fields) {
        try {
            headOf(line, fields);
            throw new AssertionError("it was read: " + line + List.of(fields));
        } catch (Refusal refusal) {
            Check.equal(400, refusal.status().code());
            Check.contains("; ", refusal.getMessage()); // what came, and the rule
        }
    }
}
