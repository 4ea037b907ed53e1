package unet;

import com.amazonaws.ml.mms.http.ErrorResponse;
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

/** Makes answers that tell of an error. */
final class Answers {

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

    static FullHttpResponse refusal(Refusal refusal) {
        FullHttpResponse response = error(refusal.status(), refusal.type(), refusal.getMessage());
        if (!refusal.allow().isEmpty()) {
            response.headers().set(HttpHeaderNames.ALLOW, refusal.allow());
        }
        return response;
    }

    /**
     * Lets {@code better} take the place of {@code original}, whose request id and keep-alive it
     * takes over; {@code original} is released.
     */
    static FullHttpResponse replace(FullHttpResponse original, FullHttpResponse better) {
        String id = original.headers().get(Contract.REQUEST_ID_HEADER);
        if (id != null) {
            better.headers().set(Contract.REQUEST_ID_HEADER, id);
        }
        HttpUtil.setKeepAlive(better, HttpUtil.isKeepAlive(original));
        original.release();
        return better;
    }
}
