"""Every error that this project raises on purpose, and the status that each one answers with.

    SegmentationError
    ├── RequestError           400  the request cannot be understood, or breaks a stated rule
    │   ├── NotAcceptable      406  no format that the client accepts can hold the answer
    │   ├── PayloadTooLarge    413  more pixels than UNET_MAX_PIXELS
    │   └── UnsupportedMediaType 415  a Content-Type that we do not read
    ├── OutOfMemory            507  this request, or this model, needs more memory than there is
    └── ConfigurationError     500  the server cannot start as it is set up
        ├── SettingsError           an environment variable has an impossible value
        └── ModelError              the model directory holds no model that can be served

A message says what came, the rule, and the remedy. It goes to the client as it is, so it
never holds a traceback or a path of the server's code.
"""


class SegmentationError(Exception):
    """Base of all errors raised on purpose. ``status`` is the HTTP status, ``kind`` its name."""

    status = 500
    kind = "InternalServerError"


class RequestError(SegmentationError):
    """The request cannot be understood, or breaks a stated rule."""

    status = 400
    kind = "BadRequest"


class NotAcceptable(RequestError):
    """No format that the client accepts can hold the answer."""

    status = 406
    kind = "NotAcceptable"


class PayloadTooLarge(RequestError):
    """The request holds more pixels than the server takes at once."""

    status = 413
    kind = "PayloadTooLarge"


class UnsupportedMediaType(RequestError):
    """The Content-Type is missing, malformed, or none that is read here."""

    status = 415
    kind = "UnsupportedMediaType"


class OutOfMemory(SegmentationError):
    """The request needs more memory than there is; the server lives on."""

    status = 507
    kind = "InsufficientStorage"


class ConfigurationError(SegmentationError):
    """The server cannot start as it is set up."""


class SettingsError(ConfigurationError):
    """An environment variable has an impossible value."""

    kind = "SettingsError"


class ModelError(ConfigurationError):
    """The model directory holds no model that can be served, or holds several."""

    kind = "ModelError"
