"""The U-Net as the SageMaker inference toolkit sees it: what to do at each stage of a request.

    input_fn (bytes → images) → predict_fn (images → answer) → output_fn (answer → bytes)

The toolkit calls each ``default_…`` method unless the user's ``code/inference.py`` has a function
of that name. What such functions return is taken here, too: a Keras model or anything that can be
called, an array of images, an array of probabilities or a finished mask.
Contract: https://github.com/aws/sagemaker-inference-toolkit#readme
"""

import contextlib
import logging
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler

from segmentation.answers import ANSWERS, Prediction
from segmentation.errors import ModelError, NotAcceptable, RequestError
from segmentation.images import Images, as_given, stored
from segmentation.networks import calling
from segmentation.running import returned
from segmentation.running.deadline import Deadline
from segmentation.running.model import Model
from segmentation.running.predict import predict
from segmentation.running.segmenter import Segmenter
from segmentation.spec import ModelSpec
from segmentation.wire import options
from segmentation.wire.body import undone
from segmentation.wire.decoding import read
from segmentation.wire.encoding import encode, is_known, output_of
from segmentation.wire.media_types import CSV, JSON, NPY, PNG
from segmentation.wire.options import Options
from served_models import ServedModels, is_called
from serving import progress, remarks
from serving.clients import has_gone
from serving.contract import FORM_HEADER, QUERY_HEADER
from serving.headers import CUSTOM_ATTRIBUTES, INFERENCE_ID, header
from serving.settings import MEGABYTE, Settings

logger = logging.getLogger(__name__)

TEXTS = (JSON, CSV)  # which the toolkit decodes before any function sees them
WARMUP_ACCEPT = f"{PNG}, {NPY};q=0.5"  # what is no picture is encoded in another way


class UNetInferenceHandler(DefaultInferenceHandler):
    """Segments images with a U-Net, or any other model from images to masks of their size."""

    def __init__(self, settings: Settings | None = None):
        self._settings = settings or Settings.from_environment()
        self._models = ServedModels(self._settings)
        self._images: Images | None = None  # of the request that is being answered
        self._begin: float | None = None  # when it came
        self.reads = True  # whether images come by this class's own input_fn
        default = self._settings.default_accept
        if default and not is_known(default):
            logger.warning(
                "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT is %r, which is no format of answers: they "
                "are given in kind, unless code/inference.py has an output_fn that knows it",
                default,
            )

    def default_input_fn(
        self, input_data: bytes | str, content_type: str | None, context: Any = None
    ) -> Images:
        """bytes -> images.

        The body is emptied where it is a bytearray, as MMS's are.

        Raises:
            RequestError: or one of its kinds; see ``segmentation.wire.decoding``.
        """
        self._begin = time.monotonic()
        sent = header(context, FORM_HEADER) or header(context, "content-type") or content_type
        most = self._settings.max_payload_mb * MEGABYTE
        encoding = header(context, "content-encoding")
        images = read(input_data, sent, self._settings.max_pixels, encoding, most)
        _release(input_data)
        wanted = _options(context, images)
        self._images = images.with_range(wanted.range or self.spec_of(_model_dir(context)).range)
        return self._images

    def default_predict_fn(
        self, data: Images | np.ndarray, model: Any, context: Any = None
    ) -> Prediction:
        """images -> answer.

        Args:
            data: images, or an array of the user's ``input_fn``, as of ``images.as_given``.
            model: from ``default_model_fn``, or of the user's ``model_fn``: a Keras model, or what
                can be called; see ``networks.calling``.

        Raises:
            RequestError: the images do not suit the model, or the attributes are wrong.
            ModelError: the model of the user gives no probabilities.
            OutOfMemory: they need more memory than there is.
            PayloadTooLarge, OutOfTime: they would take, or took, longer than a request may.
            ClientGone: nobody waits for the answer any more.
        """
        wanted = _options(context, data if isinstance(data, Images) else None)
        images = data if isinstance(data, Images) else self._given(data, wanted, context)
        segmenter = self._models.ready(model, _model_dir(context), images, wanted.channels)
        network, spec = segmenter.network, segmenter.spec
        images = images.for_channels(network.channels, wanted.channels)
        kind = ANSWERS[wanted.output or output_of(self._accept(context))]
        answer = kind.wanted(wanted.threshold, spec, network.classes, wanted.minimum)
        deadline = self._deadline(context)
        with progress.told(header(context, INFERENCE_ID)) as progressed:
            return predict(segmenter, images, answer, wanted.augment, progressed, deadline)

    def default_output_fn(self, prediction: Any, accept: str, context: Any = None) -> Any:
        """answer -> bytes and their media type, in the format that the client likes best.

        Args:
            prediction: from ``default_predict_fn``, or what the user's ``predict_fn`` returned: an
                array as of ``running.returned``, or what the toolkit encodes.

        Raises:
            NotAcceptable: no format that the client accepts can hold it.
            RequestError: what the request wants cannot be made of that array.
            ModelError: the array is none of these.
        """
        if not isinstance(prediction, Prediction):
            if not returned.is_array(prediction):
                return super().default_output_fn(prediction, accept)
            prediction = self._as_ours(prediction, context)
        body, media_type = encode(prediction, self._accept(context, accept))
        self._check_size(body, media_type)
        return body, media_type

    def opened(
        self, body: bytes | bytearray | str, content_type: str | None, context: Any
    ) -> tuple[bytes | bytearray | str, str | None]:
        """A body as code of the user takes it, without its coding, and its type as it was sent.

        Raises:
            RequestError: or one of its kinds; see ``segmentation.wire.body.undone``.
        """
        sent = header(context, FORM_HEADER) or content_type
        coding = header(context, "content-encoding")
        if not coding or isinstance(body, str):
            return body, sent
        plain = undone(body, coding, self._settings.max_payload_mb * MEGABYTE)
        return (plain.decode() if content_type in TEXTS else plain), sent

    def _accept(self, context: Any, accept: str | None = None) -> str | None:
        """What the client accepts; where that is anything, what the settings say."""
        wanted = header(context, "accept") if context else accept
        if wanted not in (None, "", "*/*"):
            return wanted
        default = self._settings.default_accept
        return f"{default}, */*;q=0.1" if default else None

    def busy(self) -> contextlib.AbstractContextManager[object]:
        """Answer a request within the block; see ``ServedModels.busy``."""
        return self._models.busy()

    def forget_request(self) -> None:
        """Free the images of the request that has been answered."""
        self._images = self._begin = None

    def default_model_fn(self, model_dir: str, context: Any = None) -> Segmenter:
        """The model artifact in ``model_dir``, loaded and ready to serve.

        Raises:
            ModelError: there is none, there are several, or it cannot be served.
        """
        return Model(**vars(self._models.load(model_dir)))

    def default_model_warmup_fn(self, model_dir: str, model: Any, context: Any = None) -> None:
        """Answer a request, so that the first one is nearly as fast as the others.

        Its image is small: the network has run on a larger one when it was measured.

        Raises:
            ModelError: the user's ``model_fn`` returned what cannot be run; or the network was not
                trained on intensities, and nothing says on what.
        """
        if is_called(model) and calling.channels_of(model) is None:
            calling.function_of(model)
            logger.warning(
                "what model_fn returned has no input_shape: it is tried out with as many channels "
                "as the first request has, which takes longer than others"
            )
            return
        segmenter = self._models.ready(model, model_dir)
        size = segmenter.plan.tile(1, 1)
        stored_as = np.uint8 if self.reads else np.float32  # which is for the network as it is
        blank = np.zeros((1, *size, segmenter.network.channels), stored_as)
        self.default_output_fn(self.default_predict_fn(blank, segmenter), WARMUP_ACCEPT)
        segmenter.network.rest()

    def spec_of(self, model_dir: str | Path | None) -> ModelSpec:
        """What the model of a folder means; see ``ServedModels.spec_of``."""
        return self._models.spec_of(model_dir)

    def _check_size(self, body: bytes, media_type: str) -> None:
        limit = self._settings.max_payload_mb * MEGABYTE
        if len(body) > limit:
            raise NotAcceptable(
                f"answer as {media_type} has {len(body):,} bytes; responses hold {limit:,} "
                "(`max_payload_mb`); accept image/png, image/tiff or application/x-npz"
            )

    def _given(self, data: Any, wanted: Options, context: Any) -> Images:
        """What the user's ``input_fn`` returned: numbers as stored, or floats for the network.

        Raises:
            RequestError: a range is wanted of floats.
            ModelError: it is neither.
        """
        array = np.asarray(data)
        if array.dtype.kind not in "biuf" or not 2 <= array.ndim <= 4:
            came = f"a {type(data).__name__}, an array of {array.dtype} and {array.ndim} axes"
            raise ModelError(
                f"input_fn returned {came}; it must return numbers, (H, W), (H, W, C), (N, H, W) "
                "or (N, H, W, C), or there must be a predict_fn, too"
            )
        if array.dtype.kind != "f":
            rule = wanted.range or self.spec_of(_model_dir(context)).range
            return stored(array, JSON).with_range(rule)
        if wanted.range is not None:
            raise RequestError(
                "range is for values as a file stores them, and the input_fn of this model gives "
                "the network floats of its own; leave it out"
            )
        return as_given(array, JSON)

    def _as_ours(self, array: Any, context: Any) -> Prediction:
        """What the user's ``predict_fn`` returned, as if it were of ours."""
        wanted = _options(context, self._images)
        if wanted.channels is not None or wanted.augment != 1:
            raise RequestError(
                "channel, channels and augment are for the server's own predict_fn, and this model "
                "has another one; leave them out"
            )
        spec = self._models.spec or self.spec_of(_model_dir(context))
        output = wanted.output or output_of(self._accept(context))
        threshold, minimum = wanted.threshold, wanted.minimum
        made = returned.prediction(array, self._images, spec, output, threshold, JSON, minimum)
        if context and not made.seen:
            remarks.add(context, made.images.assumed, "")
        return made

    def _deadline(self, context: Any) -> Deadline:
        """When the request that is being answered is given up."""
        limit = self._settings.request_seconds
        gone = partial(has_gone, context.get_request_id()) if context else None
        if limit is None:
            return Deadline(gone=gone)
        spent = time.monotonic() - self._begin if self._begin is not None else 0
        return Deadline(limit - spent, limit, gone)


def _options(context: Any, images: Images | None) -> Options:
    """What a request asks for, in its headers, its address and its body.

    Raises:
        RequestError: it cannot be read.
    """
    parameters = images.parameters if images else None
    attributes, query = header(context, CUSTOM_ATTRIBUTES), header(context, QUERY_HEADER)
    return options.parse(attributes, query, parameters)


def _release(body: bytes | bytearray | str) -> None:
    """Free the memory of a body that was read: MMS would hold it to the end of the request."""
    if isinstance(body, bytearray):
        with contextlib.suppress(BufferError):  # the images are a view of it
            body.clear()


def _model_dir(context: Any) -> str | None:
    """Where the model lies; None outside of a server."""
    return context.system_properties.get("model_dir") if context else None
