"""The U-Net as the SageMaker inference toolkit sees it: what to do at each stage of a request.

    input_fn (bytes → images) → predict_fn (images → answer) → output_fn (answer → bytes)

The toolkit calls each ``default_…`` method unless the user's ``code/inference.py`` has a function
of that name. What such functions return is taken here, too: a bare Keras model, an array of images.
Contract: https://github.com/aws/sagemaker-inference-toolkit#readme
"""

import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler

from segmentation import artifacts, machine
from segmentation.answers import ANSWERS, Prediction
from segmentation.errors import NotAcceptable
from segmentation.images import Images, from_array
from segmentation.networks.conversion.load import of_keras
from segmentation.networks.network import Source
from segmentation.networks.tune import Beside, Computing
from segmentation.running.predict import predict
from segmentation.running.segmenter import Segmenter, make
from segmentation.spec import ModelSpec
from segmentation.wire import options
from segmentation.wire.decoding import decode
from segmentation.wire.encoding import encode
from segmentation.wire.media_types import JSON, PNG
from serving.headers import CUSTOM_ATTRIBUTES, header
from serving.settings import MEGABYTE, Settings

COMPUTING = "computing.lock"  # in the server's folder


class UNetInferenceHandler(DefaultInferenceHandler):
    """Segments images with a U-Net, or any Keras model from images to masks of their size."""

    def __init__(self, settings: Settings | None = None):
        self._settings = settings or Settings.from_environment()
        self._user_model: Any = None  # of the user's model_fn, and what was made of it
        self._user_segmenter: Segmenter | None = None

    def default_input_fn(
        self, input_data: bytes | str, content_type: str | None, context: Any = None
    ) -> Images:
        """bytes -> images.

        The body is emptied where it is a bytearray, as MMS's are.

        Raises:
            RequestError: or one of its kinds; see ``segmentation.wire.decoding``.
        """
        content_type = header(context, "content-type") or content_type
        images = decode(input_data, content_type, self._settings.max_pixels)
        _release(input_data)
        return images

    def default_predict_fn(
        self, data: Images | np.ndarray, model: Any, context: Any = None
    ) -> Prediction:
        """images -> answer.

        Args:
            data: images, or an array of the shapes and dtypes of ``images.from_array``.
            model: from ``default_model_fn``, or a Keras model of the user's ``model_fn``.

        Raises:
            RequestError: the images do not suit the model, or the attributes are wrong.
            OutOfMemory: they need more memory than there is.
        """
        segmenter = self._segmenter(model, _model_dir(context))
        network, spec = segmenter.network, segmenter.spec
        wanted = options.parse(header(context, CUSTOM_ATTRIBUTES))
        images = data if isinstance(data, Images) else from_array(np.asarray(data), JSON)
        images = images.for_channels(network.channels)
        answer = ANSWERS[wanted.output].wanted(wanted.threshold, spec, network.classes)
        return predict(segmenter, images, answer, wanted.augment)

    def default_output_fn(
        self, prediction: Prediction | np.ndarray, accept: str, context: Any = None
    ) -> tuple[bytes, str]:
        """answer -> bytes and their media type, in the format that the client likes best.

        Raises:
            NotAcceptable: no format that the client accepts can hold it.
        """
        if not isinstance(prediction, Prediction):
            return super().default_output_fn(prediction, accept)
        wanted = header(context, "accept") if context else accept
        if wanted in (None, "", "*/*"):
            wanted = self._settings.default_accept
        body, media_type = encode(prediction, wanted)
        self._check_size(body, media_type)
        return body, media_type

    def default_model_fn(self, model_dir: str, context: Any = None) -> Segmenter:
        """The model artifact in ``model_dir``, loaded and ready to serve.

        Raises:
            ModelError: there is none, there are several, or it cannot be served.
        """
        settings = self._settings
        source = artifacts.load(model_dir, settings.model_filename, settings.cache_dir)
        return self._prepared(source, ModelSpec.read(model_dir))

    def default_model_warmup_fn(self, model_dir: str, model: Any, context: Any = None) -> None:
        """Answer a request, so that the first one is nearly as fast as the others.

        Its image is small: the network has run on a larger one when it was measured.
        """
        segmenter = self._segmenter(model, model_dir)
        size = segmenter.plan.tile(1, 1)
        blank = np.zeros((1, *size, segmenter.network.channels), np.uint8)
        self.default_output_fn(self.default_predict_fn(blank, segmenter), PNG)
        segmenter.network.rest()

    def _check_size(self, body: bytes, media_type: str) -> None:
        limit = self._settings.max_payload_mb * MEGABYTE
        if len(body) > limit:
            raise NotAcceptable(
                f"answer as {media_type} has {len(body):,} bytes; responses hold {limit:,} "
                "(`max_payload_mb`); accept image/png, image/tiff or application/x-npz"
            )

    def _segmenter(self, model: Any, model_dir: str | Path | None) -> Segmenter:
        """What was made of a model; the user's ``model_fn`` may return a bare Keras model."""
        if isinstance(model, Segmenter):
            return model
        if self._user_segmenter is None or self._user_model is not model:
            spec = ModelSpec.read(model_dir) if model_dir else ModelSpec()
            self._user_segmenter = self._prepared(of_keras(model), spec)
            self._user_model = model
        return self._user_segmenter

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
        if settings.threshold is not None:
            spec = replace(spec, threshold=settings.threshold)
        return make(
            source,
            spec,
            Computing(settings.engine, settings.precision, settings.threads, self._beside()),
            tile_size=settings.tile_size,
            tile_overlap=settings.tile_overlap,
            batch_size=settings.batch_size,
            workers=settings.workers or 1,
        )


def _release(body: bytes | bytearray | str) -> None:
    """Free the memory of a body that was read: MMS would hold it to the end of the request."""
    if isinstance(body, bytearray):
        with contextlib.suppress(BufferError):  # the images are a view of it
            body.clear()


def _model_dir(context: Any) -> str | None:
    """Where the model lies; None outside of a server."""
    return context.system_properties.get("model_dir") if context else None
