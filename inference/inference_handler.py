"""The U-Net as the SageMaker inference toolkit sees it: what to do at each stage of a request.

    input_fn (bytes -> images) -> predict_fn (-> prediction) -> output_fn (-> bytes)

The toolkit calls each ``default_…`` method unless the user's ``code/inference.py`` has a function
of that name. What such functions return is taken here, too: a bare Keras model, an array of images.
Contract: https://github.com/aws/sagemaker-inference-toolkit#readme
"""

import contextlib
import logging
from dataclasses import replace
from typing import Any

import numpy as np
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler

from segmentation import artifacts, images, media_types, options, request, response
from segmentation.engine import Engine
from segmentation.errors import NotAcceptable, RequestError
from segmentation.settings import MEGABYTE, Settings

logger = logging.getLogger(__name__)

ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"


class UNetInferenceHandler(DefaultInferenceHandler):
    """Segments images with a U-Net, or any Keras model from images to masks of their size."""

    def __init__(self, settings: Settings | None = None):
        self._settings = settings or Settings.from_environment()
        self._engine: Engine | None = None
        self._engine_model: Any = None  # of the user's, what it was made of

    def default_model_fn(self, model_dir: str, context: Any = None) -> Engine:
        """Load the model artifact that lies in ``model_dir``.

        Raises:
            ModelError: there is none, there are several, or it cannot be served.
        """
        return self._new_engine(artifacts.load(model_dir, self._settings.model_filename))

    def default_model_warmup_fn(self, model_dir: str, model: Any, context: Any = None) -> None:
        """Warm the engine up, and answer a request, so that the first is as fast as the others."""
        engine = self._engine_of(model)
        engine.warm_up()
        blank = np.zeros((1, *engine.warm_up_size, engine.model.channels), np.uint8)
        self.default_output_fn(self.default_predict_fn(blank, model), media_types.PNG)

    def default_input_fn(
        self, input_data: bytes | str, content_type: str | None, context: Any = None
    ) -> images.Images:
        """Decode the body of a request, and empty it, where it is a bytearray, as MMS's are.

        Raises:
            RequestError: or one of its kinds; see ``segmentation.request.decode``.
        """
        content_type = header(context, "content-type") or content_type
        decoded = request.decode(input_data, content_type, self._settings.max_pixels)
        if isinstance(input_data, bytearray):
            with contextlib.suppress(BufferError):  # the images are a view of it
                input_data.clear()  # MMS would hold it to the end; the network needs the memory
        return decoded

    def default_predict_fn(
        self, data: images.Images | np.ndarray, model: Any, context: Any = None
    ) -> response.Prediction:
        """Segment images.

        Args:
            data: images, or an array of the shapes and dtypes of ``images.from_array``.
            model: from ``default_model_fn``, or a Keras model of the user's ``model_fn``.

        Raises:
            RequestError: the images do not suit the model, or the attributes are wrong.
            OutOfMemory: they need more memory than there is.
        """
        engine = self._engine_of(model)
        asked = options.parse(header(context, ATTRIBUTES))
        if not isinstance(data, images.Images):
            data = images.from_array(np.asarray(data), media_types.JSON)
        data = data.for_channels(engine.model.channels)
        values = engine.predict(
            data.batch,
            data.scale,
            augment=asked.augment,
            finish=None if asked.output == "probability" else self._threshold(asked, engine.model),
        )
        colors = engine.model.class_colors or response.COLORS
        tiles = engine.tile_count(data.batch.shape)
        return response.Prediction(values, asked.output, data, engine.model.classes, colors, tiles)

    def default_output_fn(
        self, prediction: response.Prediction | np.ndarray, accept: str, context: Any = None
    ) -> tuple[bytes, str]:
        """Encode a prediction in the format that the client likes best.

        Raises:
            NotAcceptable: no format that the client accepts can hold it.
        """
        if not isinstance(prediction, response.Prediction):
            return super().default_output_fn(prediction, accept)
        wanted = header(context, "accept") if context else accept
        if wanted in (None, "", "*/*"):
            wanted = self._settings.default_accept
        body, media_type = response.encode(prediction, wanted)
        limit = self._settings.max_payload_mb * MEGABYTE
        if len(body) > limit:
            raise NotAcceptable(
                f"answer as {media_type} has {len(body):,} bytes; responses hold {limit:,} "
                "(SAGEMAKER_MAX_PAYLOAD_IN_MB); accept image/png, image/tiff or application/x-npz"
            )
        return body, media_type

    def _engine_of(self, model: Any) -> Engine:
        """The engine of a model; the user's ``model_fn`` may return a bare Keras model."""
        if isinstance(model, Engine):
            return model
        if self._engine is None or self._engine_model is not model:
            found = model if isinstance(model, artifacts.Model) else artifacts.from_network(model)
            self._engine, self._engine_model = self._new_engine(found), model
        return self._engine

    def _new_engine(self, model: artifacts.Model) -> Engine:
        if self._settings.threshold is not None:
            model = replace(model, threshold=self._settings.threshold)
        return Engine(
            model,
            tile_size=self._settings.tile_size,
            overlap=self._settings.tile_overlap,
            batch_size=self._settings.batch_size,
            workers=self._settings.workers,
            precision=self._settings.precision,
        )

    def _threshold(self, asked: options.Options, model: artifacts.Model):
        """probabilities (N, H, W, K) -> mask (N, H, W), by the threshold that has precedence."""
        if model.classes > 1 and asked.threshold is not None:
            raise RequestError(
                f"threshold is {asked.threshold}; this model has {model.classes} classes and "
                "answers the likeliest one; leave the threshold out"
            )
        value = model.mask_threshold if asked.threshold is None else asked.threshold
        return lambda probabilities: response.threshold(probabilities, value)


def header(context: Any, name: str) -> str | None:
    """A header of the request, its name in any case; None where there is no request."""
    if context is None or not context.request_processor:
        return None
    headers = context.request_processor[0].get_request_properties()
    # MMS puts the fields of a form among the headers, as dictionaries
    values = (v for k, v in headers.items() if k.lower() == name and isinstance(v, str))
    return next(values, None)
