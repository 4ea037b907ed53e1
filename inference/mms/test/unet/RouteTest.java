package unet;

final class RouteTest {

    @Test
    void pathsAreKnown() throws Refusal {
        Check.equal(Route.PROBE, route("GET", "/ping"));
        Check.equal(Route.PROBE, route("HEAD", "/execution-parameters?a=b"));
        Check.equal(Route.INVOKE, route("POST", "/invocations"));
        Check.equal(Route.INVOKE, route("POST", "/invocations/?output=mask"));
        Check.equal(Route.INVOKE, route("POST", "/models/gr%C3%B6%C3%9Fe/invoke"));
        Check.equal(Route.PROGRESS, route("GET", "/progress/0b1e-4_F"));
        Check.equal(Route.MODELS, route("POST", "/models"));
        Check.equal(Route.MODEL, route("DELETE", "/models/a%3Fb"));
    }

    @Test
    void aWholeUrlIsATarget() throws Refusal {
        Check.equal(Route.INVOKE, route("POST", "http://host:8080/invocations?a=b"));
        Check.equal("a=b", new Target("HTTPS://host/invocations?a=b").query());
        Check.equal("/", new Target("http://host").path());
        Check.equal("/?a", new Target("http://host?a").path() + "?a");
    }

    @Test
    void whatIsNotThereIs404() {
        for (String path :
                new String[] {
                    "/",
                    "//",
                    "//invocations",
                    "/nowhere",
                    "/predictions/model",
                    "/model/predict",
                    "/api-description",
                    "/progress",
                    "/progress/",
                    "/progress/a.b",
                    "/progress/..",
                    "/progress/a%2Fb",
                    "/models//invoke",
                    "/models/a/b",
                    "/models/a/invoke/b"
                }) {
            checkRefused(404, "POST", path, true);
        }
    }

    @Test
    void managementMayBeHidden() {
        checkRefused(404, "GET", "/models", false);
        checkRefused(404, "POST", "/models", false);
        checkRefused(404, "DELETE", "/models/a", false);
    }

    @Test
    void otherMethodsAre405() {
        Check.equal("POST", checkRefused(405, "GET", "/invocations", true).allow());
        Check.equal("POST", checkRefused(405, "OPTIONS", "/invocations", true).allow());
        Check.equal("GET, HEAD", checkRefused(405, "POST", "/ping", true).allow());
        Check.equal("GET, HEAD, DELETE", checkRefused(405, "PUT", "/models/a", true).allow());
    }

    @Test
    void malformedTargetsAre400() {
        for (String path :
                new String[] {
                    "*", "host:80", "ping", "/a%", "/a%2", "/a%zz", "/%00", "/%0a", "/%ff", "/a#b"
                }) {
            checkRefused(400, "GET", path, true);
        }
    }

    private static Route route(String method, String target) throws Refusal {
        return Route.of(method, new Target(target), Documents.none(), true);
    }

    private static Refusal checkRefused(
            int status, String method, String target, boolean management) {
        try {
            Route.of(method, new Target(target), Documents.none(), management);
            throw new AssertionError("it was taken: " + method + " " + target);
        } catch (Refusal refusal) {
            Check.equal(status, refusal.status().code());
            return refusal;
        }
    }
}
