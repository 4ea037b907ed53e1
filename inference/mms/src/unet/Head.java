package unet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The head of a request, read strictly: what proxies read in different ways is refused, so that all
 * agree on where a request ends.
 */
final class Head {

    static final int LARGEST = 8192; // bytes

    private static final Pattern REQUEST_LINE =
            Pattern.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~]+ HTTP/1\\.[01]");
    private static final Pattern FIELD =
            Pattern.compile("([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\\t\\x20-\\x7e\\x80-\\xff]*)");
    private static final Pattern LENGTH = Pattern.compile("[0-9]{1,18}");

    private final List<String> lines;
    private final boolean chunked;
    private final long length;

    /**
     * @param lines the request line and the fields
     * @throws Refusal 400 where something is malformed or ambiguous
     */
    Head(List<String> lines) throws Refusal {
        this.lines = lines;
        checkRequestLine(lines.get(0));
        List<String> fields = lines.subList(1, lines.size());
        for (String field : fields) {
            checkField(field);
        }
        List<String> codings = values(fields, "transfer-encoding");
        List<String> lengths = values(fields, "content-length");
        chunked = !codings.isEmpty();
        length = lengths.isEmpty() ? 0 : lengthOf(lengths);
        if (chunked) {
            checkCoding(codings, lengths);
        }
        checkSingle("Host", fields);
        checkSingle("Origin", fields);
    }

    /** Whether the body comes in chunks. */
    boolean isChunked() {
        return chunked;
    }

    /** The bytes of a body that does not come in chunks. */
    long length() {
        return length;
    }

    /** The head as it came. */
    ByteBuf bytes() {
        String text = String.join("\r\n", lines) + "\r\n\r\n";
        return Unpooled.copiedBuffer(text, StandardCharsets.ISO_8859_1);
    }

    private static void checkRequestLine(String line) throws Refusal {
        if (!REQUEST_LINE.matcher(line).matches()) {
            throw Refusal.badRequest(
                    "request begins with %s; send a method, a target in which all but ASCII is"
                            + " percent-encoded, and HTTP/1.1 or HTTP/1.0",
                    Text.quote(line));
        }
    }

    private static void checkSingle(String name, List<String> fields) throws Refusal {
        if (values(fields, name.toLowerCase(Locale.ROOT)).size() > 1) {
            throw Refusal.badRequest("request has several headers %s; send one", name);
        }
    }

    /** A field of a head, or of the trailer of a body in chunks. */
    static void checkField(String line) throws Refusal {
        if (!FIELD.matcher(line).matches()) {
            throw Refusal.badRequest(
                    "header %s is malformed; send name, colon and value, in one line",
                    Text.quote(line));
        }
    }

    private void checkCoding(List<String> codings, List<String> lengths) throws Refusal {
        if (!lengths.isEmpty()) {
            throw Refusal.badRequest(
                    "request has both Transfer-Encoding and Content-Length; send one of them");
        }
        boolean known = codings.size() == 1 && codings.get(0).equalsIgnoreCase("chunked");
        if (!known || lines.get(0).endsWith("HTTP/1.0")) {
            throw Refusal.badRequest(
                    "Transfer-Encoding is %s; this server takes chunked, in HTTP/1.1",
                    Text.quote(String.join(", ", codings)));
        }
    }

    private static long lengthOf(List<String> lengths) throws Refusal {
        if (lengths.size() > 1 || !LENGTH.matcher(lengths.get(0)).matches()) {
            throw Refusal.badRequest(
                    "Content-Length is %s; send one whole number",
                    Text.quote(String.join(", ", lengths)));
        }
        return Long.parseLong(lengths.get(0));
    }

    private static List<String> values(List<String> fields, String name) {
        String prefix = name + ":";
        return fields.stream()
                .filter(field -> field.toLowerCase(Locale.ROOT).startsWith(prefix))
                .map(field -> field.substring(prefix.length()).strip())
                .collect(Collectors.toList());
    }
}
