package unet;

import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a request asks for: the path, as segments that are decoded, and the query string. */
final class Target {

    private static final Pattern ABSOLUTE =
            Pattern.compile("https?://[^/?#]+(.*)", Pattern.CASE_INSENSITIVE);
    private static final Pattern BAD_ESCAPE = Pattern.compile("%(?![0-9A-Fa-f]{2})");
    private static final Pattern CONTROL = Pattern.compile("[\\p{Cntrl}\ufffd]");

    private final String path;
    private final String query;
    private final List<String> segments;

    /**
     * @param uri as it came: /path, or http://host/path
     * @throws Refusal 400 where it is neither, or its escapes are malformed
     */
    Target(String uri) throws Refusal {
        String origin = origin(uri);
        int mark = origin.indexOf('?');
        path = mark < 0 ? origin : origin.substring(0, mark);
        query = mark < 0 ? "" : origin.substring(mark + 1);
        checkEscapes(path);
        String decoded = QueryStringDecoder.decodeComponent(path.replace("+", "%2B"));
        if (CONTROL.matcher(decoded).find()) {
            throw Refusal.badRequest(
                    "path %s decodes to control characters, or to what is no UTF-8; send text",
                    Text.quote(path));
        }
        String[] parts = decoded.split("/"); // as MMS does: slashes at the end do not count
        segments = parts.length == 0 ? List.of() : Arrays.asList(parts).subList(1, parts.length);
    }

    /** Without the query string, as it came. */
    String path() {
        return path;
    }

    /** What follows the question mark, as it came. */
    String query() {
        return query;
    }

    /** The path /a/b has a and b. */
    List<String> segments() {
        return segments;
    }

    /** @throws Refusal 400 where a percent sign is not followed by two hexadecimal digits */
    static void checkEscapes(String text) throws Refusal {
        if (BAD_ESCAPE.matcher(text).find()) {
            throw Refusal.badRequest(
                    "%s has a percent sign without two hexadecimal digits; send %%25 for one",
                    Text.quote(text));
        }
    }

    private static String origin(String uri) throws Refusal {
        Matcher absolute = ABSOLUTE.matcher(uri);
        String origin = absolute.matches() ? absolute.group(1) : uri;
        if (absolute.matches() && !origin.startsWith("/")) {
            origin = "/" + origin;
        }
        if (!origin.startsWith("/") || origin.contains("#")) {
            throw Refusal.badRequest(
                    "target is %s; send a path that begins with a slash, or a whole URL,"
                            + " without a fragment",
                    Text.quote(uri));
        }
        return origin;
    }
}
