package unet;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.Map;
import java.util.StringJoiner;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A file that is served as it is. */
final class Document {

    private static final String HTML = "text/html; charset=utf-8";
    private static final Map<String, String> MEDIA_TYPES =
            Map.of(
                    "html", HTML,
                    "ico", "image/x-icon",
                    "jpg", "image/jpeg",
                    "json", "application/json",
                    "png", "image/png",
                    "svg", "image/svg+xml",
                    "tif", "image/tiff",
                    "txt", "text/plain; charset=utf-8");
    private static final Pattern INLINE =
            Pattern.compile(
                    "<(script|style)\\b[^>]*>(.*?)</\\1\\s*>",
                    Pattern.DOTALL | Pattern.CASE_INSENSITIVE);

    private final byte[] bytes;
    private final String mediaType;
    private final String tag;
    private final String policy;

    private Document(byte[] bytes, String mediaType) {
        this.bytes = bytes;
        this.mediaType = mediaType;
        tag = '"' + hash(bytes).substring(0, 22) + '"';
        policy =
                mediaType.equals(HTML) ? policyOf(new String(bytes, StandardCharsets.UTF_8)) : "";
    }

    /** @throws IOException it cannot be read, or its suffix is of no kind that is known */
    static Document read(Path file) throws IOException {
        String name = file.getFileName().toString();
        String mediaType = MEDIA_TYPES.get(name.substring(name.lastIndexOf('.') + 1));
        if (mediaType == null) {
            throw new IOException(
                    String.format(
                            "%s cannot be served: its suffix is none of %s",
                            file, MEDIA_TYPES.keySet()));
        }
        return new Document(Files.readAllBytes(file), mediaType);
    }

    byte[] bytes() {
        return bytes;
    }

    String mediaType() {
        return mediaType;
    }

    /** What tells it from other versions, as the header ETag has it. */
    String tag() {
        return tag;
    }

    /** What a browser is to let it do, as Content-Security-Policy says it; empty: no HTML. */
    String policy() {
        return policy;
    }

    /** Its own script and style alone, by their hashes, and requests to this server alone. */
    private static String policyOf(String html) {
        StringJoiner scripts = new StringJoiner(" ").setEmptyValue("'none'");
        StringJoiner styles = new StringJoiner(" ").setEmptyValue("'none'");
        Matcher inline = INLINE.matcher(html.replace("\r\n", "\n")); // as browsers read it
        while (inline.find()) {
            String hash = "'sha256-" + hash(inline.group(2).getBytes(StandardCharsets.UTF_8)) + "'";
            (inline.group(1).equalsIgnoreCase("script") ? scripts : styles).add(hash);
        }
        return String.join(
                "; ",
                "default-src 'none'",
                "script-src " + scripts,
                "style-src " + styles,
                "img-src 'self' data: blob:",
                "connect-src 'self'",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'");
    }

    private static String hash(byte[] bytes) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(bytes);
            return Base64.getEncoder().encodeToString(digest);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }
}
