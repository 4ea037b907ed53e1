package unet;

import com.google.gson.JsonObject;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.LastHttpContent;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * Changes a request into what Multi Model Server (MMS) and the worker are to see of it: MMS makes
 * parameters of a query string, parses forms, and keeps the last only of headers that repeat.
 */
final class Rewriting {

    private static final Set<String> FORMS =
            Set.of("multipart/form-data", "application/x-www-form-urlencoded");

    private Rewriting() {}

    /**
     * The request as MMS is to see it.
     *
     * @throws Refusal 400 or 404 where it wants a model loaded that cannot be, or no page of the
     *     list of models
     */
    static FullHttpRequest whole(
            HttpRequest head, ByteBuf content, PendingRequest pending, ModelRequests models)
            throws Refusal {
        Optional<JsonObject> model = Optional.empty();
        if (pending.loadsModel()) {
            model = Optional.of(modelOf(head, content, pending, models));
            pending.setModelName(ModelRequests.nameOf(model.get()));
        } else if (pending.route() == Route.MODELS) {
            ModelRequests.checkPage(pending.target().query());
        }
        byte[] json = model.map(Object::toString).orElse("").getBytes(StandardCharsets.UTF_8);
        FullHttpRequest request =
                new DefaultFullHttpRequest(
                        head.protocolVersion(),
                        head.method(),
                        head.uri(),
                        model.isPresent() ? Unpooled.wrappedBuffer(json) : content,
                        head.headers(),
                        LastHttpContent.EMPTY_LAST_CONTENT.trailingHeaders());
        apply(request, pending.target(), pending.route());
        if (model.isPresent()) {
            request.setUri(pending.target().path());
            request.headers().set(HttpHeaderNames.CONTENT_TYPE, HttpHeaderValues.APPLICATION_JSON);
        }
        HttpUtil.setTransferEncodingChunked(request, false);
        HttpUtil.setContentLength(request, request.content().readableBytes());
        return request;
    }

    private static JsonObject modelOf(
            HttpRequest head, ByteBuf content, PendingRequest pending, ModelRequests models)
            throws Refusal {
        CharSequence type = HttpUtil.getMimeType(head);
        boolean json =
                type != null && HttpHeaderValues.APPLICATION_JSON.contentEqualsIgnoreCase(type);
        return models.read(
                pending.target().query(),
                json ? Optional.of(content.toString(StandardCharsets.UTF_8)) : Optional.empty());
    }

    static void apply(HttpRequest request, Target target, Route route) {
        HttpHeaders headers = request.headers();
        removeOurs(headers);
        joinRepeated(headers);
        headers.remove(HttpHeaderNames.EXPECT); // it is answered
        request.setUri(target.path());
        if (request.method().equals(HttpMethod.HEAD)) {
            request.setMethod(HttpMethod.GET); // the codec leaves the body of the answer out
        }
        if (route == Route.INVOKE) {
            moveForm(request);
        }
        if (route == Route.INVOKE && !target.query().isEmpty()) {
            headers.set(Contract.QUERY_HEADER, target.query());
        } else if (!target.query().isEmpty()) {
            request.setUri(target.path() + "?" + target.query());
        }
    }

    private static void removeOurs(HttpHeaders headers) {
        for (String name : Set.copyOf(headers.names())) {
            if (name.toLowerCase(Locale.ROOT).startsWith(Contract.OUR_HEADERS)) {
                headers.remove(name);
            }
        }
    }

    private static void joinRepeated(HttpHeaders headers) {
        for (String name : Set.copyOf(headers.names())) {
            List<String> values = headers.getAll(name);
            if (values.size() > 1) {
                headers.set(name, String.join(", ", values));
            }
        }
    }

    private static void moveForm(HttpRequest request) {
        HttpHeaders headers = request.headers();
        CharSequence type = HttpUtil.getMimeType(request);
        String plain = type == null ? "" : type.toString().strip().toLowerCase(Locale.ROOT);
        if (FORMS.contains(plain)) {
            headers.set(Contract.FORM_HEADER, headers.get(HttpHeaderNames.CONTENT_TYPE));
            headers.set(HttpHeaderNames.CONTENT_TYPE, "application/octet-stream");
        }
    }
}
