"""What Multi Model Server (MMS) loads in each worker process.

MMS calls the module-level ``handle`` and lets its exceptions through, so that a model that cannot
be loaded ends the worker; from a class's ``initialize`` it would swallow them and serve a broken
model:
https://github.com/awslabs/multi-model-server/blob/master/mms/model_loader.py
"""

import contextlib
import fcntl
import gc
import logging
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
from sagemaker_inference.default_handler_service import DefaultHandlerService
from sagemaker_inference.errors import BaseInferenceToolkitError
from sagemaker_inference.transformer import Transformer

import load_errors
from inference_handler import UNetInferenceHandler, header
from request_log import Record
from segmentation import artifacts
from segmentation.errors import OutOfMemory, RequestError, SegmentationError
from segmentation.images import Images
from segmentation.response import Prediction
from segmentation.settings import Settings

logger = logging.getLogger(__name__)

# tells the server that the request is in the log, and goes no further: see Connection.java
LOGGED = "x-unet-logged"


class UNetTransformer(Transformer):
    """The toolkit's Transformer, with the context of each request, errors fit for clients, and a
    line in the log for each request.
    """

    def __init__(self, handler: UNetInferenceHandler, metrics: str | None = None):
        super().__init__(handler)
        self._metrics = metrics
        self._record = Record()

    def transform(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """Answer the request; whatever goes wrong becomes an answer, too."""
        self._context = context  # upstream hands the hooks the first context for ever
        for request in data:
            request.setdefault("body", b"")  # absent where the request has none, or is a form
        self._record = Record(
            request_id=context.get_request_id(),
            model=context.model_name,
            content_type=header(context, "content-type"),
            accept=header(context, "accept"),
            bytes_in=len(data[0]["body"]),
        )
        context.set_response_status(HTTPStatus.OK, HTTPStatus.OK.phrase)  # MMS gives no phrase
        answers = super().transform(data, context)
        self._log(answers, context)
        return answers

    def handle_error(self, context: Any, inference_exception: Exception, trace: str) -> list[bytes]:
        """Answer ``{"code", "type", "message"}``; the trace goes to the log only."""
        # upstream wraps what it does not know; the exception itself is still being handled here
        error = translate(sys.exc_info()[1] or inference_exception, context.get_request_id())
        self._record.note(error=error["message"])
        if error["code"] == HTTPStatus.INTERNAL_SERVER_ERROR:
            self._record.note(trace=trace)
        context.set_response_status(error["code"], HTTPStatus(error["code"]).phrase)
        context.set_response_content_type(0, "application/json")
        return [orjson.dumps(error)]

    def _run_handler_function(self, func: Callable, *arguments: Any) -> Any:
        stage = self._stage_of(func)
        if not stage:  # the model is being loaded
            return super()._run_handler_function(func, *arguments)
        with self._record.timed(stage):
            result = super()._run_handler_function(func, *arguments)
        if isinstance(result, Images):
            self._record.note(shape=result.pixels.shape)
        if isinstance(result, Prediction):
            self._record.note(tiles=result.tiles)
        return result

    def _stage_of(self, func: Callable) -> str | None:
        stages = {
            "decode": self._input_fn,
            "predict": self._predict_fn,
            "encode": self._output_fn,
        }
        if self._transform_fn != self._default_transform_fn:
            stages["transform"] = self._transform_fn  # the user's, in place of all three
        return next((name for name, function in stages.items() if function == func), None)

    def _log(self, answers: list[bytes], context: Any) -> None:
        status = int(context.get_response_status(0)[0])
        self._record.note(
            status=status,
            answer_type=context.get_response_content_type(0),
            bytes_out=len(answers[0]) if isinstance(answers[0], (bytes, bytearray, str)) else None,
        )
        level = logging.INFO if status < HTTPStatus.INTERNAL_SERVER_ERROR else logging.ERROR
        logger.log(level, "%s", self._record.line(self._metrics))
        context.set_response_header(0, LOGGED, "true")


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
        handler = UNetInferenceHandler(settings)
        super().__init__(transformer=UNetTransformer(handler, settings.metrics))

    def initialize(self, context: Any) -> None:
        """Load and warm up the model of ``context``'s ``model_dir``.

        Raises:
            OutOfMemory: in multi-model mode, the model would not fit into the memory that is left.
            Exception: whatever went wrong, so that MMS does not take the model for loaded.
        """
        properties = context.system_properties
        if properties["gpu_id"] is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = str(properties["gpu_id"])
        # upstream only sets PYTHONPATH, which comes too late for this process
        sys.path.insert(0, os.path.join(properties["model_dir"], "code"))
        if os.environ.get("SAGEMAKER_MULTI_MODEL") != "true":
            self._load(context)
            return
        with _alone():  # so that what another model is about to take is seen
            artifacts.check_memory(properties["model_dir"])
            self._load(context)

    def _load(self, context: Any) -> None:
        begun = time.perf_counter()
        import tensorflow  # noqa: F401  # here, so that the log tells its share

        imported = time.perf_counter()
        super().initialize(context)
        # what is there now stays; garbage collection need not look through it during requests
        gc.collect()
        gc.freeze()
        logger.info(
            "model %s is ready: %.2f s for TensorFlow, %.2f s to load it and to warm it up",
            context.model_name,
            imported - begun,
            time.perf_counter() - imported,
        )


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One process after the other; the lock goes with a process that ends."""
    with open(Path(tempfile.gettempdir(), "loading"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _load_error(exception: Exception) -> dict[str, Any]:
    if isinstance(exception, MemoryError):
        exception = OutOfMemory("the model needs more memory than there is")
    if not isinstance(exception, SegmentationError):
        exception = SegmentationError(f"{type(exception).__name__}: {exception}")
    message = " ".join(str(exception).split())
    return {"code": exception.status, "type": exception.kind, "message": message}


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
            load_errors.write(context.model_name, _load_error(exc))
            if isinstance(exc, MemoryError):  # MMS would keep the model in its list
                raise RuntimeError("not enough memory for the model") from exc
            raise
        return None
    assert _service, "MMS initializes before it asks"
    return _service.handle(data, context)
