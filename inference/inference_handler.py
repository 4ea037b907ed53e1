"""The U-Net as the SageMaker inference toolkit sees it: what to do at each stage of a request.

    input_fn (bytes → images) → predict_fn (images → answer) → output_fn (answer → bytes)

The toolkit calls each ``default_…`` method unless the user's ``code/inference.py`` has a function
of that name. What such functions return is taken here, too: a Keras model or anything that can be
called, an array of images, an array of probabilities or a finished mask.
Contract: https://github.com/aws/sagemaker-inference-toolkit#readme
"""

import contextlib
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler

from segmentation import artifacts, machine
from segmentation.answers import ANSWERS, Mask, Prediction
from segmentation.errors import ModelError, NotAcceptable, RequestError
from segmentation.images import Images, as_given
from segmentation.networks import calling
from segmentation.networks.conversion.load import of_keras
from segmentation.networks.hardware import FLOAT32
from segmentation.networks.network import Source
from segmentation.networks.tune import Beside, Computing
from segmentation.running import called, reproduction, returned
from segmentation.running.model import Model
from segmentation.running.predict import predict
from segmentation.running.segmenter import Segmenter, TileSettings, make
from segmentation.spec import ModelSpec
from segmentation.wire import options
from segmentation.wire.decoding import read
from segmentation.wire.encoding import encode
from segmentation.wire.media_types import JSON, NPY, PNG
from segmentation.wire.options import Options
from serving.contract import FORM_HEADER, QUERY_HEADER
from serving.headers import CUSTOM_ATTRIBUTES, header
from serving.settings import MEGABYTE, Settings

logger = logging.getLogger(__name__)

WARMUP_ACCEPT = f"{PNG}, {NPY};q=0.5"  # what is no picture is encoded in another way
COMPUTING = "computing.lock"  # in the server's folder


class UNetInferenceHandler(DefaultInferenceHandler):
    """Segments images with a U-Net, or any other model from images to masks of their size."""

    def __init__(self, settings: Settings | None = None):
        self._settings = settings or Settings.from_environment()
        self._user_model: Any = None  # of the user's model_fn, and what was made of it:
        self._user_segmenters: dict[tuple[int, ...], Segmenter] = {}  # by channels
        self._read: dict[str | Path | None, ModelSpec] = {}  # by model directory
        self._spec: ModelSpec | None = None  # with what the layers of the network told
        self._images: Images | None = None  # of the request that is being answered

    def default_input_fn(
        self, input_data: bytes | str, content_type: str | None, context: Any = None
    ) -> Images:
        """bytes -> images.

        The body is emptied where it is a bytearray, as MMS's are.

        Raises:
            RequestError: or one of its kinds; see ``segmentation.wire.decoding``.
        """
        sent = header(context, FORM_HEADER) or header(context, "content-type") or content_type
        images = read(input_data, sent, self._settings.max_pixels)
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
        """
        images = data if isinstance(data, Images) else as_given(np.asarray(data), JSON)
        wanted = _options(context, images)
        segmenter = self._segmenter(model, _model_dir(context), images, wanted.channels)
        network, spec = segmenter.network, segmenter.spec
        images = images.for_channels(network.channels, wanted.channels)
        answer = ANSWERS[wanted.output or Mask.name].wanted(wanted.threshold, spec, network.classes)
        return predict(segmenter, images, answer, wanted.augment)

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
        wanted = header(context, "accept") if context else accept
        if wanted in (None, "", "*/*"):
            wanted = self._settings.default_accept
        body, media_type = encode(prediction, wanted)
        self._check_size(body, media_type)
        return body, media_type

    def forget_request(self) -> None:
        """Free the images of the request that has been answered."""
        self._images = None

    def default_model_fn(self, model_dir: str, context: Any = None) -> Segmenter:
        """The model artifact in ``model_dir``, loaded and ready to serve.

        Raises:
            ModelError: there is none, there are several, or it cannot be served.
        """
        settings = self._settings
        source = artifacts.load(model_dir, settings.model_filename, settings.cache_dir)
        spec = self.spec_of(model_dir)
        if settings.check_test:
            exact = make(source, spec, Computing(settings.engine, FLOAT32), **self._tiles)
            found = reproduction.check(exact, model_dir)
            logger.info(
                "%s", found or f"{source.name}: nothing is published that it must reproduce"
            )
        return Model(**vars(self._prepared(source, spec)))

    def default_model_warmup_fn(self, model_dir: str, model: Any, context: Any = None) -> None:
        """Answer a request, so that the first one is nearly as fast as the others.

        Its image is small: the network has run on a larger one when it was measured.

        Raises:
            ModelError: the user's ``model_fn`` returned what cannot be run.
        """
        if self._is_called(model) and calling.channels_of(model) is None:
            calling.function_of(model)
            logger.warning(
                "what model_fn returned has no input_shape: it is tried out with as many channels "
                "as the first request has, which takes longer than others"
            )
            return
        segmenter = self._segmenter(model, model_dir)
        size = segmenter.plan.tile(1, 1)
        blank = np.zeros((1, *size, segmenter.network.channels), np.uint8)
        self.default_output_fn(self.default_predict_fn(blank, segmenter), WARMUP_ACCEPT)
        segmenter.network.rest()

    def _check_size(self, body: bytes, media_type: str) -> None:
        limit = self._settings.max_payload_mb * MEGABYTE
        if len(body) > limit:
            raise NotAcceptable(
                f"answer as {media_type} has {len(body):,} bytes; responses hold {limit:,} "
                "(`max_payload_mb`); accept image/png, image/tiff or application/x-npz"
            )

    def _as_ours(self, array: Any, context: Any) -> Prediction:
        """What the user's ``predict_fn`` returned, as if it were of ours."""
        wanted = _options(context, self._images)
        if wanted.channels is not None or wanted.augment != 1 or wanted.range is not None:
            raise RequestError(
                "channel, channels, range and augment are for the server's own predict_fn, and "
                "this model has another one; leave them out"
            )
        spec = self._spec or self.spec_of(_model_dir(context))
        output = wanted.output or Mask.name
        return returned.prediction(array, self._images, spec, output, wanted.threshold, JSON)

    def _segmenter(
        self,
        model: Any,
        model_dir: str | Path | None,
        images: Images | None = None,
        chosen: Sequence[int] | None = None,
    ) -> Segmenter:
        """What was made of a model; the user's ``model_fn`` may return one that is not ready.

        Args:
            images: of the request, and which of their channels it chooses: for a model that does
                not say how many it takes.
        """
        if isinstance(model, Segmenter):
            return model
        if self._user_model is not model:
            self._user_model, self._user_segmenters = model, {}
        channels = () if calling.is_keras(model) else called.channels_for(model, images, chosen)
        if channels not in self._user_segmenters:
            self._user_segmenters[channels] = self._made_of_users(model, channels, model_dir)
        return self._user_segmenters[channels]

    def _made_of_users(
        self, model: Any, channels: tuple[int, ...], model_dir: str | Path | None
    ) -> Segmenter:
        """A model of the user, ready for images of so many channels; () of a Keras model."""
        spec = self.spec_of(model_dir)
        if not channels:
            return self._prepared(of_keras(model, ports=spec.ports), spec)
        try:
            return called.make(model, channels, spec, **self._tiles)
        except ModelError:
            for other in self._user_segmenters.values():  # which says what it takes
                return other
            raise

    def _is_called(self, model: Any) -> bool:
        """Whether it is run as it is, and not converted."""
        return not isinstance(model, Segmenter) and not calling.is_keras(model)

    def spec_of(self, model_dir: str | Path | None) -> ModelSpec:
        """What the model means; the defaults outside of a server.

        Raises:
            ModelError: its ``model.json`` is malformed.
        """
        if model_dir not in self._read:
            spec = ModelSpec.read(model_dir) if model_dir else ModelSpec()
            threshold = self._settings.threshold
            spec = spec if threshold is None else replace(spec, threshold=threshold)
            self._read[model_dir] = spec
        return self._read[model_dir]

    def _beside(self) -> Beside | None:
        """How a worker computes while others of this server do."""
        cpus = machine.available_cpus()
        alone = self._settings.threads or cpus
        threads = machine.share_of_cpus(cpus, self._settings.workers or 1, alone)
        if threads == alone:
            return None
        return Beside(threads, Path(tempfile.gettempdir(), COMPUTING))

    def _prepared(self, source: Source, spec: ModelSpec) -> Segmenter:
        settings = self._settings
        computing = Computing(settings.engine, settings.precision, settings.threads, self._beside())
        segmenter = make(source, spec, computing, **self._tiles)
        self._spec = segmenter.spec
        return segmenter

    @property
    def _tiles(self) -> TileSettings:
        settings = self._settings
        return {
            "tile_size": settings.tile_size,
            "tile_overlap": settings.tile_overlap,
            "batch_size": settings.batch_size,
            "workers": settings.workers or 1,
        }


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
