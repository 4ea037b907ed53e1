"""Variables of Multi Model Server (MMS) that this server sets itself: which of ours say the same.

MMS takes its configuration from the environment, too, where it would contradict ours unseen.
"""

from collections.abc import Mapping

from segmentation.errors import SettingsError

PAYLOAD = "SAGEMAKER_MAX_PAYLOAD_IN_MB"
TIMEOUT = "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS"
ORIGIN = "UNET_CORS_ORIGIN"
MODEL = "UNET_MODEL_DIR"
INSTEAD = {
    "MMS_DEFAULT_WORKERS_PER_MODEL": "SAGEMAKER_MODEL_SERVER_WORKERS",
    "MMS_DEFAULT_RESPONSE_TIMEOUT": TIMEOUT,
    "MMS_DEFAULT_RESPONSE_TIMEOUT_SECONDS": TIMEOUT,
    "MMS_MAX_REQUEST_SIZE": PAYLOAD,
    "MMS_MAX_RESPONSE_SIZE": PAYLOAD,
    "MMS_CORS_ALLOWED_ORIGIN": ORIGIN,
    "MMS_CORS_ALLOWED_METHODS": ORIGIN,
    "MMS_CORS_ALLOWED_HEADERS": ORIGIN,
    "MMS_LOAD_MODELS": MODEL,
    "MMS_MODEL_STORE": MODEL,
    "MMS_MANAGEMENT_ADDRESS": "SAGEMAKER_MULTI_MODEL",
    "MMS_DEBUG": "SAGEMAKER_CONTAINER_LOG_LEVEL",
}
# what this server is made for in one way
FIXED = (
    "MMS_CONFIG_FILE",
    "MMS_DEFAULT_SERVICE_HANDLER",
    "MMS_DECODE_INPUT_REQUEST",
    "MMS_PRELOAD_MODEL",
    "MMS_BLACKLIST_ENV_VARS",
    "MMS_ASYNC_LOGGING",
    "MMS_PREFER_DIRECT_BUFFER",
)


def refuse(environment: Mapping[str, str]) -> None:
    """Refuse variables of MMS that would contradict this server; empty ones count as not set.

    Raises:
        SettingsError: there is one.
    """
    for name in filter(environment.get, (*INSTEAD, *FIXED)):
        other = INSTEAD.get(name)
        remedy = f"set {other} in its place" if other else "leave it out"
        raise SettingsError(
            f"{name} is {environment[name]!r}; it must not be set: the server sets it for Multi "
            f"Model Server; {remedy}"
        )
