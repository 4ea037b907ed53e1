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

from serving import upstream

upstream.put_off_scipy()

from sagemaker_inference.default_handler_service import DefaultHandlerService
from sagemaker_inference.transformer import Transformer

from inference_handler import UNetInferenceHandler
from segmentation import artifacts
from segmentation.answers import Prediction
from segmentation.errors import SegmentationError
from segmentation.images import Images
from segmentation.running.segmenter import Segmenter
from serving import contract, hooks, load_errors, logs, remarks, requirements, temporary
from serving.headers import header
from serving.request_log import Record
from serving.settings import Settings, named
from serving.statuses import load_error, request_error

logger = logging.getLogger(__name__)


class UNetTransformer(Transformer):
    """The toolkit's Transformer, with the context of each request, errors fit for clients, and a
    line in the log for each request.
    """

    def __init__(self, handler: UNetInferenceHandler, metrics: str | None = None):
        super().__init__(handler)
        upstream.check_transformer(self)
        self._handler = handler
        self._metrics = metrics
        self._record = Record()
        self._of_user: hooks.Functions = {}

    def transform(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """Answer the request; whatever goes wrong becomes an answer, too."""
        upstream.use_context(self, context)
        upstream.complete_bodies(data)
        self._record = Record(
            request_id=context.get_request_id(),
            model=context.model_name,
            content_type=header(context, "content-type"),
            accept=header(context, "accept"),
            bytes_in=len(data[0]["body"]),
        )
        upstream.set_status(context, HTTPStatus.OK)
        coded = header(context, "content-encoding")
        as_it_came = upstream.undecoded() if coded else contextlib.nullcontext()
        with self._handler.busy(), as_it_came:
            answers = super().transform(data, context)
        self._handler.forget_request()
        self._log(answers, context)
        return answers

    def handle_error(self, context: Any, inference_exception: Exception, trace: str) -> list[bytes]:
        """Answer ``{"code", "type", "message"}``; the trace goes to the log only."""
        # the toolkit wraps what it does not know; the exception itself is still being handled here
        error = request_error(sys.exc_info()[1] or inference_exception, context.get_request_id())
        self._record.note(error=error["message"])
        if error["code"] == HTTPStatus.INTERNAL_SERVER_ERROR:
            self._record.note(trace=trace)
        upstream.set_status(context, error["code"])
        context.set_response_content_type(0, "application/json")
        return [orjson.dumps(error)]

    def _validate_user_module_and_set_functions(self) -> None:
        super()._validate_user_module_and_set_functions()
        self._of_user = hooks.of_user(self, self._handler)

    def _run_handler_function(self, func: Callable, *arguments: Any) -> Any:
        if func == self._handler.default_model_warmup_fn and not self._runs(arguments[1]):
            self._handler.spec_of(arguments[0])  # refuses a malformed one now, not at each request
            return None
        if func == self._handler.default_model_warmup_fn:
            reader = upstream.stage_of(self, self._handler.default_input_fn)
            self._handler.reads = reader is not None
        stage = upstream.stage_of(self, func)
        if not stage:
            return self._call(func, *arguments)
        with self._record.timed(stage):
            result = self._call(func, *arguments)
        if isinstance(result, Images):
            self._record.note(shape=result.pixels.shape)
            self._remark(result)
        if isinstance(result, Prediction):
            self._record.note(tiles=result.tiles)
            self._remark(result.images)
            remarks.describe(self._context, result.description)
        return result

    def _call(self, func: Callable, *arguments: Any) -> Any:
        """Call a hook, ours or the user's."""
        name = next((name for name, one in self._of_user.items() if one == func), None)
        if name is None:
            return super()._run_handler_function(func, *arguments)
        if name in ("input_fn", "transform_fn"):
            place = hooks.TAKES[name].index("body")
            body, sent = arguments[place : place + 2]
            opened = self._handler.opened(body, sent, self._context)
            arguments = (*arguments[:place], *opened, *arguments[place + 2 :])
        return hooks.call(name, func, arguments, self._context)

    def _remark(self, images: Images) -> None:
        """Say what was assumed to read the images, in the log and in the answer."""
        self._record.note(assumed=images.assumed or None)
        stack = "".join(axis for axis, _ in images.calibration.stack)
        remarks.add(self._context, images.assumed, f"{stack}YX" if stack else "")

    def _runs(self, model: Any) -> bool:
        """Whether a model is run here: what functions of the user alone run may be anything."""
        ours = upstream.predicts_by(self, self._handler.default_predict_fn)
        return ours or isinstance(model, Segmenter)

    def _log(self, answers: list[bytes], context: Any) -> None:
        status = int(context.get_response_status(0)[0])
        self._record.note(
            status=status,
            answer_type=context.get_response_content_type(0),
            bytes_out=len(answers[0]) if isinstance(answers[0], (bytes, bytearray, str)) else None,
        )
        level = logging.INFO if status < HTTPStatus.INTERNAL_SERVER_ERROR else logging.ERROR
        logger.log(level, "%s", self._record.line(self._metrics))
        context.set_response_header(0, contract.LOGGED_HEADER, "true")


class HandlerService(DefaultHandlerService):
    """One model in one worker process: ``initialize`` loads it, ``handle`` answers requests."""

    def __init__(self) -> None:
        settings = Settings.from_environment()
        logging.getLogger().setLevel(settings.log_level)
        logs.set_up()
        upstream.omit_metrics()
        self._filename = settings.model_filename
        handler = UNetInferenceHandler(settings)
        super().__init__(transformer=UNetTransformer(handler, settings.metrics))

    def initialize(self, context: Any) -> None:
        """Load and warm up the model of ``context``'s ``model_dir``.

        Raises:
            ModelError: in multi-model mode, ``code/requirements.txt`` cannot be installed, or the
                folder holds what is no model's.
            OutOfMemory: in multi-model mode, the model would not fit into the memory that is left.
            Exception: whatever went wrong, so that MMS does not take the model for loaded.
        """
        properties = context.system_properties
        if properties["gpu_id"] is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = str(properties["gpu_id"])
        if os.environ.get(contract.MULTI_MODEL) != "true":
            upstream.add_folder(Path(properties["model_dir"], "code"))
            self._load(context)
            return
        artifacts.check_files(properties["model_dir"])
        packages = requirements.install(properties["model_dir"])
        if packages:
            upstream.add_folder(packages)
        upstream.add_folder(Path(properties["model_dir"], "code"))
        with _one_at_a_time():  # so that the memory which another model is about to take is seen
            artifacts.check_memory(properties["model_dir"], self._filename)
            self._load(context)

    def _load(self, context: Any) -> None:
        begin = time.perf_counter()
        super().initialize(context)
        model_dir = Path(context.system_properties["model_dir"])
        for sentence in hooks.unused(model_dir):
            logger.warning("%s", sentence)
        # what is there now stays; garbage collection need not look through it during requests
        gc.collect()
        gc.freeze()
        logger.info(
            "model %s is ready: %.2f s to load it and to warm it up",
            context.model_name,
            time.perf_counter() - begin,
        )


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let one worker of this server after the other through; a worker that ends lets the next."""
    with open(Path(tempfile.gettempdir(), "loading"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


_service: HandlerService | None = None


def handle(data: list[dict[str, Any]] | None, context: Any) -> list[bytes] | None:
    """MMS's entry point: ``data`` is None once, to load the model, and a request after that."""
    if data is None:
        upstream.survive_sigterm()
        temporary.trust()
        _initialize(context)
        return None
    assert _service, "MMS initializes before it sends requests"
    return _service.handle(data, context)


def _initialize(context: Any) -> None:
    global _service
    try:
        _service = HandlerService()
        _service.initialize(context)
    except (Exception, SystemExit) as exc:
        said = str(exc) if isinstance(exc, SegmentationError) else traceback.format_exc()
        logger.error("the model cannot be loaded: %s", named(said))
        load_errors.write(context.model_name, load_error(exc))
        if isinstance(exc, MemoryError):  # MMS would keep the model in its list
            raise RuntimeError("not enough memory for the model") from exc
        if isinstance(exc, SystemExit):
            raise RuntimeError("the model's code ended the process") from exc
        raise
