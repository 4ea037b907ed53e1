"""Every error that this package raises on purpose.

    SegmentationError
    ├── RequestError            the request cannot be understood, or breaks a stated rule
    │   ├── NotAcceptable       no format that the client accepts can hold the answer
    │   ├── PayloadTooLarge     more pixels than the server takes at once
    │   └── UnsupportedMediaType  a media type that is not read here
    ├── OutOfMemory             a request, or a model, needs more memory than there is
    ├── OutOfTime               a request was given up, because it took too long
    ├── ClientGone              a request was given up, because nobody waits for the answer
    └── ConfigurationError      the server cannot start as it is set up
        ├── SettingsError       a setting has an impossible value
        └── ModelError          the model directory holds no model that can be served

A message says what came, the rule, and the remedy. It goes to the client, so it never holds a
traceback or a path of the server's code. A setting is named by its field, in backticks:
``"this server takes 256 pixels (`max_pixels`)"``. Whoever reads the settings from somewhere else
puts the name that users know in place of it.
"""


class SegmentationError(Exception):
    """Base of all errors that are raised on purpose."""


class RequestError(SegmentationError):
    """The request cannot be understood, or breaks a stated rule."""


class NotAcceptable(RequestError):
    """No format that the client accepts can hold the answer."""


class PayloadTooLarge(RequestError):
    """The request holds more pixels than the server takes at once, or would take too long."""


class UnsupportedMediaType(RequestError):
    """The media type is missing, malformed, or none that is read here."""


class OutOfMemory(SegmentationError):
    """The request needs more memory than there is; the server lives on."""


class OutOfTime(SegmentationError):
    """The request took longer than requests may take; the server lives on."""


class ClientGone(SegmentationError):
    """Nobody waits for the answer any more."""


class ConfigurationError(SegmentationError):
    """The server cannot start as it is set up."""


class SettingsError(ConfigurationError):
    """A setting has an impossible value."""


class ModelError(ConfigurationError):
    """The model directory holds no model that can be served, or holds several."""
