package unet;

/** The names that this extension and the Python code share: docs/contract.md explains each. */
final class Contract {

    static final String LOGGED_HEADER = "x-unet-logged";
    static final String REQUEST_ID_HEADER = "x-request-id";
    static final String MULTI_MODEL_VARIABLE = "SAGEMAKER_MULTI_MODEL";
    static final String LOAD_ERRORS_VARIABLE = "UNET_LOAD_ERRORS";
    static final String DRAIN_SECONDS_PROPERTY = "unet.drainSeconds";

    /** The logger of {@link AccessLog}, as log4j2.xml calls it. */
    static final String ACCESS_LOGGER = "REQUESTS";

    private Contract() {}

    static boolean isMultiModel() {
        return "true".equals(System.getenv(MULTI_MODEL_VARIABLE));
    }
}
