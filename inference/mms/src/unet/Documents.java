package unet;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What the server answers from files: the page that a person opens in a browser, and the
 * description of the API. They are read once, at the start: a path of a request never becomes one
 * of the file system.
 */
final class Documents {

    private static final String INDEX = "index.html";
    private static final String DESCRIPTION = "/openapi.json";

    private final Map<String, Document> documents;

    private Documents(Map<String, Document> documents) {
        this.documents = Map.copyOf(documents);
    }

    static Documents none() {
        return new Documents(Map.of());
    }

    /**
     * Reads what the properties of the server name, which it may lack.
     *
     * @throws IOException a file cannot be read, or is of no kind that is known
     */
    static Documents ofProperties() throws IOException {
        Map<String, Document> documents = new HashMap<>();
        String page = System.getProperty(Contract.PAGE_PROPERTY);
        if (page != null) {
            readFolder(Paths.get(page), documents);
        }
        String description = System.getProperty(Contract.DESCRIPTION_PROPERTY);
        if (description != null) {
            documents.put(DESCRIPTION, Document.read(Paths.get(description)));
        }
        return new Documents(documents);
    }

    /** The files of a folder: index.html is at /, others are at their names. */
    static Documents ofFolder(Path folder) throws IOException {
        Map<String, Document> documents = new HashMap<>();
        readFolder(folder, documents);
        return new Documents(documents);
    }

    private static void readFolder(Path folder, Map<String, Document> documents)
            throws IOException {
        for (Path file : filesOf(folder)) {
            String name = file.getFileName().toString();
            documents.put(name.equals(INDEX) ? "/" : "/" + name, Document.read(file));
        }
    }

    private static List<Path> filesOf(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(Files::isRegularFile).collect(Collectors.toList());
        }
    }

    /** Whether there is a document at the path of a request. */
    boolean has(String path) {
        return documents.containsKey(path);
    }

    /** The document at a path that {@link #has} one; 304 where the client has it already. */
    FullHttpResponse answer(String path, HttpRequest request) {
        Document document = documents.get(path);
        String known = request.headers().get(HttpHeaderNames.IF_NONE_MATCH, "");
        boolean fresh = known.contains(document.tag());
        FullHttpResponse answer =
                new DefaultFullHttpResponse(
                        HttpVersion.HTTP_1_1,
                        fresh ? HttpResponseStatus.NOT_MODIFIED : HttpResponseStatus.OK,
                        Unpooled.wrappedBuffer(fresh ? new byte[0] : document.bytes()));
        HttpHeaders headers = answer.headers();
        headers.set(HttpHeaderNames.ETAG, document.tag());
        headers.set(HttpHeaderNames.CACHE_CONTROL, "no-cache"); // asks again, with the tag
        if (!fresh) {
            headers.set(HttpHeaderNames.CONTENT_TYPE, document.mediaType());
            HttpUtil.setContentLength(answer, document.bytes().length);
        }
        if (!document.policy().isEmpty()) {
            headers.set(HttpHeaderNames.CONTENT_SECURITY_POLICY, document.policy());
            // so that the requests of the page have its origin, and those of links have none
            headers.set("referrer-policy", "same-origin");
            headers.set("cross-origin-opener-policy", "same-origin");
        }
        headers.set("cross-origin-resource-policy", "same-origin");
        return answer;
    }
}
