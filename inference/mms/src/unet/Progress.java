package unet;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How far requests are that workers compute: they write it into files, named by what the clients
 * call their requests (progress.py).
 */
final class Progress {

    private static final Logger LOG = LoggerFactory.getLogger(Progress.class);
    private static final Pattern ID = Pattern.compile("[A-Za-z0-9_-]{1,64}");

    private final Optional<Path> folder;

    /** @param folder where workers write; empty: nothing is known of any request */
    Progress(Optional<Path> folder) {
        this.folder = folder;
    }

    /** Whether a client may call a request so, and ask for it. */
    static boolean isId(String id) {
        return ID.matcher(id).matches();
    }

    /** What is known of a request: JSON, or 204 while nothing is. */
    FullHttpResponse answer(String id) {
        byte[] told = folder.map(here -> read(here.resolve(id))).orElse(new byte[0]);
        boolean known = told.length > 0;
        FullHttpResponse answer =
                new DefaultFullHttpResponse(
                        HttpVersion.HTTP_1_1,
                        known ? HttpResponseStatus.OK : HttpResponseStatus.NO_CONTENT,
                        Unpooled.wrappedBuffer(told));
        HttpHeaders headers = answer.headers();
        headers.set(HttpHeaderNames.CACHE_CONTROL, "no-store");
        if (known) {
            headers.set(HttpHeaderNames.CONTENT_TYPE, "application/json");
            HttpUtil.setContentLength(answer, told.length);
        }
        return answer;
    }

    private static byte[] read(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            return new byte[0]; // it waits, or is answered, or nobody sent it
        }
    }

    /** A request is answered; its worker, which removes the file, may have been killed. */
    void forget(Optional<String> id) {
        if (id.isEmpty() || folder.isEmpty()) {
            return;
        }
        try {
            Files.deleteIfExists(folder.get().resolve(id.get()));
        } catch (IOException e) {
            LOG.warn("what was told of the request {} cannot be removed: {}", id.get(), e);
        }
    }
}
