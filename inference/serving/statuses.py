"""How errors reach a client: the HTTP status of each, and the JSON that it is answered with.

``segmentation`` raises errors that know nothing of HTTP. MMS itself answers its own errors as
``{"code", "type", "message"}``, so ours have the same form.
"""

from http import HTTPStatus
from typing import NamedTuple, TypedDict

from sagemaker_inference.errors import BaseInferenceToolkitError, UnsupportedFormatError

from segmentation.errors import (
    ClientGone,
    ModelError,
    NotAcceptable,
    OutOfMemory,
    OutOfTime,
    PayloadTooLarge,
    RequestError,
    SegmentationError,
    SettingsError,
    UnsupportedMediaType,
)
from serving.contract import CLIENT_GONE
from serving.settings import named


class Status(NamedTuple):
    """The status of an answer, and the ``type`` in its body."""

    code: int
    type: str


# An error that is not in the table has the status of its nearest base class that is.
STATUSES: dict[type, Status] = {
    SegmentationError: Status(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalServerError"),
    RequestError: Status(HTTPStatus.BAD_REQUEST, "BadRequest"),
    NotAcceptable: Status(HTTPStatus.NOT_ACCEPTABLE, "NotAcceptable"),
    PayloadTooLarge: Status(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "PayloadTooLarge"),
    UnsupportedMediaType: Status(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType"),
    OutOfMemory: Status(HTTPStatus.INSUFFICIENT_STORAGE, "InsufficientStorage"),
    OutOfTime: Status(HTTPStatus.SERVICE_UNAVAILABLE, "OutOfTime"),
    ClientGone: Status(CLIENT_GONE, "ClientGone"),
    SettingsError: Status(HTTPStatus.INTERNAL_SERVER_ERROR, "SettingsError"),
    ModelError: Status(HTTPStatus.INTERNAL_SERVER_ERROR, "ModelError"),
}


class Error(TypedDict):
    """The body of an answer that tells of an error."""

    code: int
    type: str
    message: str


def request_error(exception: BaseException, request_id: str) -> Error:
    """What a client is answered whose request ended with ``exception``."""
    match exception:
        case SegmentationError():
            return _answer(type(exception), named(str(exception)))
        case MemoryError():
            message = "request needs more memory than there is; send a smaller image"
            return _answer(OutOfMemory, message)
        case UnicodeDecodeError():
            message = f"body is not UTF-8: {exception}; send text in UTF-8"
            return _answer(RequestError, message)
        case UnsupportedFormatError():  # raised by the user's code/inference.py, or the toolkit
            return _answer(UnsupportedMediaType, " ".join(str(exception).split()))
        case BaseInferenceToolkitError():  # raised by the user's code/inference.py
            return {
                "code": exception.status_code,
                "type": type(exception).__name__,
                "message": str(exception.message),
            }
        case _:
            message = f"request {request_id} failed by a fault of the server; its log tells more"
            return _answer(SegmentationError, message)


def load_error(exception: BaseException) -> Error:
    """Why a model could not be loaded, in one line."""
    match exception:
        case SegmentationError():
            error = _answer(type(exception), named(str(exception)))
        case MemoryError():
            error = _answer(OutOfMemory, "the model needs more memory than there is")
        case _:
            error = _answer(SegmentationError, f"{type(exception).__name__}: {exception}")
    error["message"] = " ".join(error["message"].split())
    return error


def status_of(kind: type) -> Status:
    """The status of a class of errors: its own, or that of its nearest base class.

    Raises:
        LookupError: it is no SegmentationError.
    """
    for base in kind.__mro__:
        if base in STATUSES:
            return STATUSES[base]
    raise LookupError(f"{kind} has no status")


def _answer(kind: type[SegmentationError], message: str) -> Error:
    status = status_of(kind)
    return {"code": int(status.code), "type": status.type, "message": message}
