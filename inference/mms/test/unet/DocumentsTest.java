package unet;

import static unet.TestConnection.header;
import static unet.TestConnection.text;

import io.netty.handler.codec.http.FullHttpResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;

final class DocumentsTest {

    private static final String HTML =
            "<!doctype html><style>\nb {}\n</style><script type=module>let a;</script><b>x</b>";

    private final Path folder = Files.createTempDirectory("page");
    private final TestServer server;

    DocumentsTest() throws IOException {
        Files.writeString(folder.resolve("index.html"), HTML);
        Files.write(folder.resolve("sample.png"), new byte[100_000]);
        Files.createDirectory(folder.resolve("folder.png"));
        server = new TestServer().serving(Documents.ofFolder(folder));
    }

    @Test
    void thePageIsAtTheRoot() {
        FullHttpResponse page = get("/", "");
        Check.equal(HTML, text(page));
        Check.equal("text/html; charset=utf-8", header(page, "content-type"));
        Check.equal("nosniff", header(page, "x-content-type-options"));
        Check.equal("same-origin", header(page, "referrer-policy"));
        Check.equal("no-cache", header(page, "cache-control"));
        Check.equal(200, get("/?from=a-link", "").status().code());
    }

    @Test
    void aBrowserRunsItsOwnScriptAndStyleAlone() throws NoSuchAlgorithmException {
        String policy = header(get("/", ""), "content-security-policy");
        Check.contains("default-src 'none'; script-src 'sha256-" + hash("let a;") + "';", policy);
        Check.contains("style-src 'sha256-" + hash("\nb {}\n") + "';", policy);
        Check.contains("frame-ancestors 'none'", policy);
    }

    @Test
    void otherFilesAreAtTheirNames() {
        FullHttpResponse sample = get("/sample.png", "");
        Check.equal(100_000, sample.content().readableBytes());
        Check.equal("image/png", header(sample, "content-type"));
        Check.equal(null, header(sample, "content-security-policy"));
        for (String path : new String[] {"/index.html", "//", "/folder.png", "/%2e%2e", "/a.png"}) {
            Check.equal(404, get(path, "").status().code());
        }
    }

    @Test
    void whoHasItIsToldSo() {
        String tag = header(get("/", ""), "etag");
        FullHttpResponse again = get("/", "If-None-Match: \"a\", W/" + tag + "\r\n");
        Check.equal(304, again.status().code());
        Check.equal(tag, header(again, "etag"));
        Check.equal(200, get("/", "If-None-Match: \"a\"\r\n").status().code());
    }

    @Test
    void itMayBeAskedForTheHeadAlone() {
        TestConnection connection = new TestConnection(server);
        connection.send("HEAD /sample.png HTTP/1.1\r\n\r\n");
        Check.equal("100000", header(connection.receiveHead(), "content-length"));
    }

    @Test
    void nothingCanBeSentToIt() {
        TestConnection connection = new TestConnection(server);
        connection.send("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
        FullHttpResponse refusal = connection.receive();
        Check.equal(405, refusal.status().code());
        Check.equal("GET, HEAD", header(refusal, "allow"));
    }

    @Test
    void whatIsOfNoKnownKindIsNotServed() throws IOException {
        Files.writeString(folder.resolve("notes.md"), "");
        try {
            Documents.ofFolder(folder);
            throw new AssertionError("it was read");
        } catch (IOException e) {
            Check.contains("notes.md cannot be served", e.getMessage());
        }
    }

    /** A refusal ends a connection: each request has its own. */
    private FullHttpResponse get(String path, String headers) {
        TestConnection connection = new TestConnection(server);
        connection.send("GET " + path + " HTTP/1.1\r\n" + headers + "\r\n");
        return connection.receive();
    }

    private static String hash(String text) throws NoSuchAlgorithmException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(bytes);
        return Base64.getEncoder().encodeToString(digest);
    }
}
