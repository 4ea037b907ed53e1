package unet;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * The sites whose scripts may call this server: itself, and those that its operator named. Browsers
 * say which site a script is from; the requests of others are refused, because a page that somebody
 * happens to open must not put their server to work. Who is no browser says nothing, and is served.
 *
 * <p>https://fetch.spec.whatwg.org/#http-cors-protocol
 */
final class Origins {

    private static final String ANY = "*";
    private static final String EXPOSED =
            "retry-after, warning, x-amzn-sagemaker-custom-attributes, x-request-id, x-unet-answer";
    private static final String TEN_MINUTES = "600"; // for which a browser need not ask again

    private final Set<String> named;

    /** @param named such as https://lab.example:8443, in small letters, or * for all */
    Origins(Set<String> named) {
        this.named = named;
    }

    static Origins ofProperty() {
        String list = System.getProperty(Contract.ORIGINS_PROPERTY, "");
        return new Origins(list.isEmpty() ? Set.of() : Set.of(list.split(",")));
    }

    /** @throws Refusal 403 where a script of another site sent it */
    void check(HttpRequest request) throws Refusal {
        Optional<String> origin = originOf(request);
        if (origin.isPresent() && !isOwn(request, origin.get()) && !isNamed(origin.get())) {
            throw Refusal.forbidden(
                    "origin is %s; scripts of other sites may call this server only where"
                            + " UNET_CORS_ORIGIN names them",
                    Text.quote(origin.get()));
        }
    }

    /** Whether a browser asks if a script may send what it wants to send. */
    static boolean isPreflight(HttpRequest request) {
        return request.method().equals(HttpMethod.OPTIONS)
                && originOf(request).isPresent()
                && request.headers().contains(HttpHeaderNames.ACCESS_CONTROL_REQUEST_METHOD);
    }

    /** Yes, it may; its origin is checked. */
    static FullHttpResponse preflightAnswer(HttpRequest request, Route route) {
        FullHttpResponse answer =
                new DefaultFullHttpResponse(
                        HttpVersion.HTTP_1_1,
                        HttpResponseStatus.NO_CONTENT,
                        Unpooled.EMPTY_BUFFER);
        HttpHeaders headers = answer.headers();
        headers.set(HttpHeaderNames.ACCESS_CONTROL_ALLOW_METHODS, route.methods());
        String wanted = request.headers().get(HttpHeaderNames.ACCESS_CONTROL_REQUEST_HEADERS);
        if (wanted != null) {
            headers.set(HttpHeaderNames.ACCESS_CONTROL_ALLOW_HEADERS, wanted);
        }
        headers.set(HttpHeaderNames.ACCESS_CONTROL_MAX_AGE, TEN_MINUTES);
        return answer;
    }

    /** Lets a script of a site that is named read the answer. */
    void addTo(FullHttpResponse answer, Optional<String> origin) {
        if (named.isEmpty()) {
            return;
        }
        HttpHeaders headers = answer.headers();
        headers.add(HttpHeaderNames.VARY, HttpHeaderNames.ORIGIN);
        if (origin.filter(this::isNamed).isPresent()) {
            headers.set(HttpHeaderNames.ACCESS_CONTROL_ALLOW_ORIGIN, origin.get());
            headers.set(HttpHeaderNames.ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            headers.set("cross-origin-resource-policy", "cross-origin");
        }
    }

    /** Where the script is from that sent the request; empty: no browser says so. */
    static Optional<String> originOf(HttpRequest request) {
        return Optional.ofNullable(request.headers().get(HttpHeaderNames.ORIGIN));
    }

    private boolean isNamed(String origin) {
        return named.contains(ANY) || named.contains(origin.toLowerCase(Locale.ROOT));
    }

    /** A proxy may have changed Host, but not what the browser itself says, which no script can. */
    private static boolean isOwn(HttpRequest request, String origin) {
        String host = request.headers().get(HttpHeaderNames.HOST, "");
        String authority = origin.replaceFirst("^https?://", "");
        boolean same = !authority.equals(origin) && authority.equalsIgnoreCase(host);
        return same || "same-origin".equals(request.headers().get("sec-fetch-site"));
    }
}
