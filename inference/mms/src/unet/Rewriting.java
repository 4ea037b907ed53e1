package unet;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpUtil;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Changes a request into what Multi Model Server (MMS) and the worker are to see of it: MMS makes
 * parameters of a query string, parses forms, and keeps the last only of headers that repeat.
 */
final class Rewriting {

    private static final Set<String> FORMS =
            Set.of("multipart/form-data", "application/x-www-form-urlencoded");

    private Rewriting() {}

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
