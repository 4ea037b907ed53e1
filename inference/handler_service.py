"""What Multi Model Server (MMS) loads in each worker process.

MMS calls the module-level ``handle`` and lets its exceptions through, so that a model that cannot
be loaded ends the worker; from a class's ``initialize`` it would swallow them and serve a broken
model:
https://github.com/awslabs/multi-model-server/blob/master/mms/model_loader.py
"""

import logging
import os
import sys
import traceback
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
from sagemaker_inference.default_handler_service import DefaultHandlerService
from sagemaker_inference.errors import BaseInferenceToolkitError
from sagemaker_inference.transformer import Transformer

from inference_handler import UNetInferenceHandler
from segmentation.errors import OutOfMemory, RequestError, SegmentationError
from segmentation.settings import Settings

logger = logging.getLogger(__name__)

# where the entrypoint looks for the reason why no model can be served
LOAD_ERROR_FILE = "UNET_LOAD_ERROR_FILE"


class UNetTransformer(Transformer):
    """The toolkit's Transformer, with the context of each request and errors fit for clients."""

    def transform(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """Answer the request; whatever goes wrong becomes an answer, too."""
        self._context = context  # upstream hands the hooks the first context for ever
        for request in data:
            request.setdefault("body", b"")  # absent where the request has none, or is a form
        context.set_response_status(HTTPStatus.OK, HTTPStatus.OK.phrase)  # MMS gives no phrase
        return super().transform(data, context)

    @staticmethod
    def handle_error(context: Any, inference_exception: Exception, trace: str) -> list[bytes]:
        """Answer ``{"code", "type", "message"}``; the trace goes to the log only."""
        # upstream wraps what it does not know; the exception itself is still being handled here
        error = translate(sys.exc_info()[1] or inference_exception, context.get_request_id())
        log = logger.error if error["code"] >= HTTPStatus.INTERNAL_SERVER_ERROR else logger.info
        log("request %s: %s", context.get_request_id(), error["message"])
        if error["code"] == HTTPStatus.INTERNAL_SERVER_ERROR:
            log("request %s: %s", context.get_request_id(), trace)
        context.set_response_status(error["code"], HTTPStatus(error["code"]).phrase)
        context.set_response_content_type(0, "application/json")
        return [orjson.dumps(error)]


def translate(exception: BaseException, request_id: str) -> dict[str, Any]:
    """An exception as the error that the client is answered with."""
    match exception:
        case SegmentationError():
            pass
        case MemoryError():
            exception = OutOfMemory("request needs more memory than there is; send a smaller image")
        case UnicodeDecodeError():
            exception = RequestError(f"body is not UTF-8: {exception}; send text in UTF-8")
        case BaseInferenceToolkitError():  # raised by the user's code/inference.py
            code, message = exception.status_code, exception.message
            return {"code": code, "type": type(exception).__name__, "message": str(message)}
        case _:
            exception = SegmentationError(
                f"request {request_id} failed by a fault of the server; its log tells more"
            )
    return {"code": exception.status, "type": exception.kind, "message": str(exception)}


class HandlerService(DefaultHandlerService):
    """One model in one worker process: ``initialize`` loads it, ``handle`` answers requests."""

    def __init__(self) -> None:
        settings = Settings.from_environment()
        logging.getLogger().setLevel(settings.log_level)
        super().__init__(transformer=UNetTransformer(UNetInferenceHandler(settings)))

    def initialize(self, context: Any) -> None:
        """Load and warm up the model of ``context``'s ``model_dir``.

        Raises:
            Exception: whatever went wrong, so that MMS does not take the model for loaded.
        """
        # upstream only sets PYTHONPATH, which comes too late for this process
        sys.path.insert(0, os.path.join(context.system_properties["model_dir"], "code"))
        super().initialize(context)


def _tell_entrypoint(exception: Exception) -> None:
    path = os.environ.get(LOAD_ERROR_FILE)
    if path:
        name = "" if isinstance(exception, SegmentationError) else f"{type(exception).__name__}: "
        reason = " ".join(f"{name}{exception}".split())
        partial = Path(f"{path}.{os.getpid()}")
        partial.write_text(reason)
        partial.rename(path)


_service: HandlerService | None = None


def handle(data: list[dict[str, Any]] | None, context: Any) -> list[bytes] | None:
    """MMS's entry point: ``data`` is None once, to load the model, and a request after that."""
    global _service
    if data is None:
        try:
            _service = HandlerService()
            _service.initialize(context)
        except Exception as exc:
            logger.error("the model cannot be loaded: %s", traceback.format_exc())
            _tell_entrypoint(exc)
            raise
        return None
    assert _service, "MMS initializes before it asks"
    return _service.handle(data, context)
