package unet;

import static unet.TestConnection.header;

import io.netty.handler.codec.http.FullHttpResponse;

final class OriginsTest {

    private static final String LAB = "https://lab.example:8443";

    private final TestServer closed = new TestServer();
    private final TestServer named = new TestServer().naming(LAB, "null");
    private final TestServer open = new TestServer().naming("*");

    @Test
    void whoIsNoBrowserIsServed() {
        check(200, closed, "");
        check(200, closed, "Host: a\r\n");
    }

    @Test
    void thePageItselfIsServed() {
        check(200, closed, "Host: localhost:8080\r\nOrigin: http://localhost:8080\r\n");
        check(200, closed, "Host: unet.example\r\nOrigin: https://UNET.example\r\n");
        String proxied = "Host: inside:8080\r\nOrigin: https://unet.example\r\n";
        check(403, closed, proxied);
        check(200, closed, proxied + "Sec-Fetch-Site: same-origin\r\n");
        check(403, closed, proxied + "Sec-Fetch-Site: same-site\r\n");
    }

    @Test
    void scriptsOfOtherSitesAreRefused() {
        for (String origin :
                new String[] {
                    LAB, "null", "http://localhost:8081", "http://localhost", "", "localhost:8080"
                }) {
            String headers = "Host: localhost:8080\r\nOrigin: " + origin + "\r\n";
            FullHttpResponse refusal = check(403, closed, headers);
            Check.equal(null, header(refusal, "access-control-allow-origin"));
            Check.contains("UNET_CORS_ORIGIN", TestConnection.text(refusal));
        }
    }

    @Test
    void scriptsOfSitesThatAreNamedAreServed() {
        FullHttpResponse answer = check(200, named, "Host: a\r\nOrigin: " + LAB + "\r\n");
        Check.equal(LAB, header(answer, "access-control-allow-origin"));
        Check.contains("x-request-id", header(answer, "access-control-expose-headers"));
        Check.equal("origin", header(answer, "vary"));
        check(200, named, "Host: a\r\nOrigin: null\r\n");
        check(200, open, "Host: a\r\nOrigin: http://anywhere\r\n");
        check(403, named, "Host: a\r\nOrigin: https://lab.example\r\n");
        Check.equal("origin", header(check(200, named, "Host: a\r\n"), "vary"));
    }

    @Test
    void theyMayReadWhyTheyWereRefused() {
        TestConnection connection = new TestConnection(named);
        connection.send("GET /nowhere HTTP/1.1\r\nOrigin: " + LAB + "\r\n\r\n");
        Check.equal(LAB, header(connection.receive(), "access-control-allow-origin"));
    }

    @Test
    void browsersAskBefore() {
        FullHttpResponse answer = preflight(named, "POST", "/invocations?output=mask");
        Check.equal(204, answer.status().code());
        Check.equal(LAB, header(answer, "access-control-allow-origin"));
        Check.equal("POST", header(answer, "access-control-allow-methods"));
        Check.equal("content-type, x-a", header(answer, "access-control-allow-headers"));
        Check.equal(403, preflight(closed, "POST", "/invocations").status().code());
        Check.equal(405, preflight(named, "DELETE", "/invocations").status().code());
        Check.equal(404, preflight(named, "POST", "/nowhere").status().code());
    }

    private static FullHttpResponse preflight(TestServer server, String method, String path) {
        TestConnection connection = new TestConnection(server);
        connection.send(
                "OPTIONS "
                        + path
                        + " HTTP/1.1\r\nOrigin: "
                        + LAB
                        + "\r\nAccess-Control-Request-Headers: content-type, x-a"
                        + "\r\nAccess-Control-Request-Method: "
                        + method
                        + "\r\n\r\n");
        Check.equal(null, connection.nextRequest());
        return connection.receive();
    }

    private static FullHttpResponse check(int status, TestServer server, String headers) {
        TestConnection connection = new TestConnection(server);
        connection.send("POST /invocations HTTP/1.1\r\n" + headers + "\r\n");
        if (connection.nextRequest() != null) {
            connection.answer(200, "mask");
        }
        FullHttpResponse answer = connection.receive();
        Check.equal(status, answer.status().code());
        return answer;
    }
}
