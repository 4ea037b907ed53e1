package unet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseDecoder;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import java.nio.charset.StandardCharsets;

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

    /** Connections that have the same {@code server} share what it limits. */
    TestConnection(TestServer server) {
        channel =
                new EmbeddedChannel(
                        new ChannelInitializer<Channel>() {
                            @Override
                            protected void initChannel(Channel channel) {
                                channel.pipeline()
                                        .addLast("http", new HttpServerCodec())
                                        .addLast(new HttpObjectAggregator(LARGEST_BODY));
                                Server.addTo(
                                        channel.pipeline(), server.shared(), server.admission());
                            }
                        });
    }

    TestConnection(Drain drain) {
        this(new TestServer(drain));
    }

    TestConnection() {
        this(new TestServer());
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

    /** Sends no more, and still reads. */
    void sendNoMore() {
        channel.pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
    }

    void disconnect() {
        channel.close();
    }

    boolean isOpen() {
        return channel.isOpen();
    }

    /** The next answer is to a request for the head alone. */
    FullHttpResponse receiveHead() {
        EmbeddedChannel reader = new EmbeddedChannel(new HttpResponseDecoder());
        for (ByteBuf part = channel.readOutbound(); part != null; part = channel.readOutbound()) {
            reader.writeInbound(part);
        }
        HttpResponse head = reader.readInbound();
        Check.equal(null, reader.readInbound());
        return new DefaultFullHttpResponse(
                head.protocolVersion(),
                head.status(),
                Unpooled.EMPTY_BUFFER,
                head.headers(),
                new DefaultHttpHeaders());
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
        FullHttpRequest request = takeRequest();
        return request == null ? null : request.uri();
    }

    /** The next request that got here; null: none has. */
    FullHttpRequest takeRequest() {
        return channel.readInbound();
    }

    void answer(FullHttpResponse response) {
        channel.writeAndFlush(response);
        channel.checkException();
    }

    void answer(int status, String body) {
        answer(response(status, body));
    }

    /** Answers too late. */
    void answerWhenClosed(int status, String body) {
        channel.writeAndFlush(response(status, body));
    }

    void giveUp() {
        channel.pipeline().get(Exchange.class).giveUp();
    }

    void runPendingTasks() {
        channel.runPendingTasks();
    }

    /** Waits until the server has ended the connection. */
    void awaitEnd() throws InterruptedException {
        Check.eventually(
                () -> {
                    channel.runScheduledPendingTasks();
                    return !isOpen();
                },
                "the connection is closed");
    }

    /** Whether the server will do something if nothing happens. */
    boolean hasDeadline() {
        return channel.runScheduledPendingTasks() >= 0;
    }

    /** Whether the server reads on. */
    boolean isRead() {
        return channel.config().isAutoRead();
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
