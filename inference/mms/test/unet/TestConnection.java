package unet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseDecoder;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.slf4j.LoggerFactory;

/**
 * A connection with the handlers that it has in MMS up to the aggregator, and the test at both
 * ends: it sends bytes as the client, and answers as MMS does.
 */
final class TestConnection {

    static final int LARGEST_BODY = 100_000;
    static final String PING = "GET /ping HTTP/1.1\r\n\r\n";

    private final EmbeddedChannel client =
            new EmbeddedChannel(new HttpResponseDecoder(), new HttpObjectAggregator(1_000_000));
    private final EmbeddedChannel channel;
    final Exchange exchange;

    /** Connections that share {@code drain} and {@code memory} are those of one server. */
    TestConnection(Drain drain, BodyMemory memory, Optional<Path> loadErrors) {
        exchange =
                new Exchange(
                        drain,
                        new Admission(memory, drain::hasBegun),
                        new ErrorDetails(LARGEST_BODY),
                        new LoadReasons(loadErrors),
                        new AccessLog(LoggerFactory.getLogger(Contract.ACCESS_LOGGER)));
        channel =
                new EmbeddedChannel(
                        new HttpServerCodec(), exchange, new HttpObjectAggregator(LARGEST_BODY));
    }

    TestConnection(Drain drain, BodyMemory memory) {
        this(drain, memory, Optional.empty());
    }

    TestConnection(Drain drain) {
        this(drain, new BodyMemory(LARGEST_BODY));
    }

    TestConnection() {
        this(new Drain(Duration.ofSeconds(25)));
    }

    /** The head of a POST request to /invocations; {@code headers} end with a line break each. */
    static String post(int length, String headers) {
        String first = "POST /invocations HTTP/1.1\r\nContent-Length: " + length + "\r\n";
        return first + headers + "\r\n";
    }

    static String post(int length) {
        return post(length, "");
    }

    // --- the client's end

    void send(String text) {
        channel.writeInbound(Unpooled.copiedBuffer(text, StandardCharsets.UTF_8));
    }

    void disconnect() {
        channel.close();
    }

    boolean isOpen() {
        return channel.isOpen();
    }

    /** The next answer; null: nothing has come. */
    FullHttpResponse receive() {
        for (ByteBuf part = channel.readOutbound(); part != null; part = channel.readOutbound()) {
            client.writeInbound(part);
        }
        return client.readInbound();
    }

    // --- MMS's end

    /** The path of the next request that got here; null: none has. */
    String nextRequest() {
        FullHttpRequest request = channel.readInbound();
        if (request == null) {
            return null;
        }
        request.release();
        return request.uri();
    }

    void answer(FullHttpResponse response) {
        channel.writeAndFlush(response);
        channel.checkException();
    }

    void answer(int status, String body) {
        answer(response(status, body));
    }

    /** Answers, but the answer stays in the channel until {@link #flush}. */
    void answerLater(int status, String body) {
        channel.write(response(status, body));
    }

    void flush() {
        channel.flush();
    }

    void runPendingTasks() {
        channel.runPendingTasks();
    }

    static FullHttpResponse response(int status, String body) {
        ByteBuf content = Unpooled.copiedBuffer(body, StandardCharsets.UTF_8);
        FullHttpResponse response =
                new DefaultFullHttpResponse(
                        HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(status), content);
        HttpUtil.setContentLength(response, content.readableBytes());
        return response;
    }

    static String text(FullHttpResponse response) {
        return response.content().toString(StandardCharsets.UTF_8);
    }

    static String header(FullHttpResponse response, String name) {
        return response.headers().get(name);
    }
}
