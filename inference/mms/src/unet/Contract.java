package unet;

import java.util.regex.Pattern;

/** The names that this extension and the Python code share: docs/contract.md explains each. */
final class Contract {

    static final String LOGGED_HEADER = "x-unet-logged";
    static final String REQUEST_ID_HEADER = "x-request-id";
    static final String INFERENCE_ID_HEADER = "x-amzn-sagemaker-inference-id";
    static final String QUERY_HEADER = "x-unet-query";
    static final String FORM_HEADER = "x-unet-content-type";
    static final String MULTI_MODEL_VARIABLE = "SAGEMAKER_MULTI_MODEL";
    static final String LOAD_ERRORS_VARIABLE = "UNET_LOAD_ERRORS";
    static final String PROGRESS_VARIABLE = "UNET_PROGRESS";
    static final String GONE_VARIABLE = "UNET_GONE";
    static final String DRAIN_SECONDS_PROPERTY = "unet.drainSeconds";
    static final String IDLE_SECONDS_PROPERTY = "unet.idleSeconds";
    static final String KEEP_ALIVE_SECONDS_PROPERTY = "unet.keepAliveSeconds";
    static final String CONNECTIONS_PROPERTY = "unet.connections";
    static final String PORT_PROPERTY = "unet.port";
    static final String TIMEOUT_SECONDS_PROPERTY = "unet.timeoutSeconds";
    static final String PAGE_PROPERTY = "unet.page";
    static final String DESCRIPTION_PROPERTY = "unet.openapi";
    static final String ORIGINS_PROPERTY = "unet.corsOrigins";

    /** What the names of headers begin with that only the server itself sets. */
    static final String OUR_HEADERS = "x-unet-";

    /** What the list of a folder's files begins with, at the end of why a model was not loaded. */
    static final Pattern LISTING = Pattern.compile("; (models )?found: .*", Pattern.DOTALL);

    /** The logger of {@link AccessLog}, as log4j2.xml calls it. */
    static final String ACCESS_LOGGER = "REQUESTS";

    private Contract() {}

    static boolean isMultiModel() {
        return "true".equals(System.getenv(MULTI_MODEL_VARIABLE));
    }
}
