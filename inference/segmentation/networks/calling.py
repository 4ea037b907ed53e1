"""A network that code of the user computes: a function, a ``tf.Module``, what has a ``predict``.

It is called as it is: nothing of it is converted, fused or rounded. What it does not tell of itself
is tried out once, when the network is made.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ..errors import ModelError
from . import probe
from .activations import probabilities
from .network import Description, Ends, Geometry, in_batches

logger = logging.getLogger(__name__)

STRIDES = tuple(2**power for power in range(8))  # that are tried
MAX_REASON = 300  # letters
KERAS = ("keras", "tf_keras")
RULE = (
    "what model_fn returns is called with float32 (N, H, W, C) and must give (N, H, W, K) "
    "probabilities"
)


@dataclass(frozen=True)
class CalledNetwork(Description):
    """A network; see ``network.Network``.

    Attributes:
        function: of the user; takes float32 (N, h, w, C), and gives an array or a tensor.
        logits: whether its values may be any numbers, which an activation follows.
    """

    function: Callable[[np.ndarray], Any]
    logits: bool = False

    @property
    def description(self) -> dict[str, Any]:
        """What is known of it, by the names of ``Description``."""
        return {known.name: getattr(self, known.name) for known in fields(Description)}

    def run(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, h, w, C) -> float32 (N, h, w, K); probabilities, 0–1, unless ``logits``.

        Raises:
            ModelError: the function gives something else.
        """
        return in_batches(self._run, images, self.batch)

    def rest(self) -> None:
        """Its memory is the function's."""

    def _run(self, images: np.ndarray) -> np.ndarray:
        values = _called(self.function, images)
        if values.shape != (*images.shape[:3], self.classes):
            raise ModelError(
                f"{self.name} gives {values.shape} for {images.shape}; {RULE}, of as many classes "
                f"each time ({self.classes})"
            )
        if not self.logits:
            return probabilities(values, self.name)
        if not np.isfinite(values).all():
            raise ModelError(f"{self.name} gives NaN or infinity; {RULE}; mend model_fn")
        return values


def is_keras(model: Any) -> bool:
    """Whether it is a model of Keras 2 or 3, which need not have been imported."""
    return any(
        kind.__name__ == "Model" and kind.__module__.partition(".")[0] in KERAS
        for kind in type(model).__mro__
    )


def function_of(model: Any) -> Callable[[np.ndarray], Any]:
    """What is called of a model.

    Raises:
        ModelError: there is nothing to call.
    """
    if callable(model):
        return model
    if callable(getattr(model, "predict", None)):
        return model.predict
    raise ModelError(
        f"model_fn returned {_kind(model)}, which cannot be called; return a Keras model, a "
        "function or an object with `predict`, or bring a predict_fn that knows what to do with it"
    )


def channels_of(model: Any) -> int | None:
    """How many channels a model says it takes, in ``input_shape``; None: it does not say."""
    shape = _input_shape(model)
    return shape[3] if shape else None


def network(model: Any, channels: int, logits: bool = False) -> CalledNetwork:
    """Try a model out, and make a network of it; what is assumed is logged.

    Args:
        model: as of ``function_of``.
        channels: of its input.
        logits: as of ``CalledNetwork``.

    Raises:
        ModelError: it cannot be called, fails, or gives something else than its rule says.
    """
    function = function_of(model)
    stride, classes = _tried(function, _described(model, channels))
    described = replace(_described(model, channels), classes=classes, geometry=Geometry(stride))
    logger.warning(
        "%s is called as it is, with float32 (N, %s, %s, %d), in multiples of %d: intensities of "
        "0–1, unless model.json says otherwise; it is taken to give probabilities of %d, and to "
        "see as far as tiles overlap where an image is cut (`tile_size`, `tile_overlap`)",
        described.name,
        described.height or "H",
        described.width or "W",
        channels,
        stride,
        classes,
    )
    return CalledNetwork(**vars(described), function=function, logits=logits)


def takes(model: Any, channels: int) -> bool:
    """Whether a model gives something of the right size for so many channels."""
    try:
        _tried(function_of(model), _described(model, channels))
    except ModelError:
        return False
    return True


def picture(described: Description) -> np.ndarray:
    """A picture of cells of a size that a network takes: float32 (N, h, w, C) intensities, 0–1."""
    side = 3 * described.geometry.stride  # no multiple of the next larger stride
    size = (described.height or side, described.width or side)
    one = probe.picture(*size, described.channels)
    return np.repeat(one, described.batch or 1, axis=0)


def _described(model: Any, channels: int) -> Description:
    batch, height, width, _ = _input_shape(model) or (None, None, None, None)
    name = f"the model of model_fn, {_kind(model)}"
    return Description(name, channels, height, width, 1, batch, Geometry(STRIDES[0]), Ends())


def _tried(function: Callable, described: Description) -> tuple[int, int]:
    """The smallest stride whose multiples it takes and gives back in that size, and its classes.

    Raises:
        ModelError: there is none.
    """
    is_fixed = described.height and described.width
    reason = ""
    for stride in STRIDES[:1] if is_fixed else STRIDES:
        images = picture(replace(described, geometry=Geometry(stride)))
        try:
            values = _called(function, images)
        except MemoryError:
            raise
        except Exception as exc:  # whatever it raises where its parts do not fit each other
            reason = f"{described.name} fails for {images.shape}: {' '.join(str(exc).split())}"
            continue
        if values.ndim == 4 and values.shape[:3] == images.shape[:3] and values.shape[3]:
            return stride, values.shape[3]
        reason = f"{described.name} gives {values.shape} for {images.shape}"
    raise ModelError(
        f"{reason[:MAX_REASON]}; {RULE}; give it an attribute input_shape = (None, H, W, C) where "
        "it takes one size or another number of channels, or bring a predict_fn"
    )


def _called(function: Callable, images: np.ndarray) -> np.ndarray:
    """float32 (N, h, w, K) of what a function gives, (N, h, w) too.

    Raises:
        ModelError: these are no numbers.
    """
    values = np.asarray(function(images))
    if values.dtype.kind not in "fiub":
        raise ModelError(f"it gives {values.dtype}, and no numbers")
    values = values.astype(np.float32, copy=False)
    return values[..., None] if values.ndim == 3 else values


def _input_shape(model: Any) -> tuple[int | None, ...] | None:
    shape: Any = getattr(model, "input_shape", None)
    try:
        lengths = tuple(None if length is None else int(length) for length in shape)
    except (TypeError, ValueError):
        return None
    return lengths if len(lengths) == 4 else None


def _kind(model: Any) -> str:
    return getattr(model, "__name__", type(model).__name__)
