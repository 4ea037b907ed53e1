package unet;

import com.amazonaws.ml.mms.http.ErrorResponse;
import com.amazonaws.ml.mms.util.ConfigManager;
import com.amazonaws.ml.mms.util.JsonUtils;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import java.nio.charset.StandardCharsets;

/** Answers that MMS lacks. */
final class Answers {

    static final String REQUEST_ID = "x-request-id"; // set by MMS

    private Answers() {}

    /** The JSON that MMS itself answers errors with. */
    static String json(HttpResponseStatus status, String type, String message) {
        return JsonUtils.GSON_PRETTY.toJson(new ErrorResponse(status.code(), type, message)) + '\n';
    }

    static FullHttpResponse error(HttpResponseStatus status, String type, String message) {
        byte[] body = json(status, type, message).getBytes(StandardCharsets.UTF_8);
        ByteBuf content = Unpooled.wrappedBuffer(body);
        FullHttpResponse response =
                new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, content);
        response.headers().set(HttpHeaderNames.CONTENT_TYPE, "application/json");
        HttpUtil.setContentLength(response, body.length);
        return response;
    }

    /** In place of an answer that is given up: with its request id, and as the connection goes on. */
    static FullHttpResponse instead(FullHttpResponse given, FullHttpResponse better) {
        String id = given.headers().get(REQUEST_ID);
        if (id != null) {
            better.headers().set(REQUEST_ID, id);
        }
        HttpUtil.setKeepAlive(better, HttpUtil.isKeepAlive(given));
        given.release();
        return better;
    }

    /** Adds what an answer of MMS or Netty lacks: a reason, and when to try again. */
    static FullHttpResponse complete(FullHttpResponse response) {
        boolean bare = !response.content().isReadable();
        if (bare && response.status().equals(HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE)) {
            int limit = ConfigManager.getInstance().getMaxRequestSize();
            response =
                    instead(
                            response,
                            error(
                                    HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE,
                                    "PayloadTooLarge",
                                    String.format(
                                            "body is larger than the %,d bytes that this server"
                                                + " takes (SAGEMAKER_MAX_PAYLOAD_IN_MB); send less",
                                            limit)));
        }
        if (response.status().equals(HttpResponseStatus.SERVICE_UNAVAILABLE)) {
            response.headers().set(HttpHeaderNames.RETRY_AFTER, 1);
        }
        return response;
    }
}
