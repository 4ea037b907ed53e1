"""What a ``predict_fn`` of the user returned, as if ``predict`` had made it.

Floats are probabilities, of which whatever the request wants is made. Whole numbers, and bools, are
a finished mask: its values are answered as they are, bools as 0 and 255.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..answers import ANSWERS, FOREGROUND, Answer, Content, Mask, Prediction
from ..channels import looks_like_channels, times
from ..errors import ModelError, RequestError
from ..images import Images
from ..networks.activations import may_be_probabilities
from ..spec import ModelSpec

RULE = (
    "it must return probabilities as floats, (N, H, W, K), (H, W, K), (N, H, W) or (H, W), or a "
    "mask of whole numbers, (N, H, W) or (H, W); what is neither needs an output_fn, too"
)


class Reading(NamedTuple):
    """How the axes of an array may be meant.

    Attributes:
        axes: "HW", "HWC", "NHW" or "NHWC".
        size: N, H, W; N is 1 where it has no such axis.
    """

    axes: str
    size: tuple[int, ...]


def is_array(returned: Any) -> bool:
    """Whether something is an array or a tensor of numbers, with two axes or more."""
    if not hasattr(returned, "__array__"):
        return False
    array = np.asarray(returned)
    return array.dtype.kind in "fiub" and array.ndim >= 2


def prediction(
    returned: Any,
    images: Images | None,
    spec: ModelSpec,
    output: str = Mask.name,
    threshold: float | None = None,
    media_type: str = "",
    minimum: int = 1,
) -> Prediction:
    """Make an answer of what was returned.

    Args:
        returned: as of ``is_array``.
        images: of the request; None where only code of the user has seen them.
        spec: of the model.
        output, threshold, minimum: what the request wants.
        media_type: to be answered in kind, where there are no images.

    Raises:
        ModelError: it is none of these.
        RequestError: the request wants something that cannot be made of it.
    """
    array = np.asarray(returned)
    if array.ndim > 4 or 0 in array.shape:
        raise ModelError(f"predict_fn returned {times(array.shape)}; {RULE}")
    kind = ANSWERS[output]
    found, settled = _read(array, images)
    if settled is None and kind.content in (Content.PICTURE, Content.IMAGE):
        raise RequestError(
            f"output={output} shows the image, which only code of this model has seen, or has "
            f"changed in size; ask for output={Mask.name}"
        )
    classes = array.shape[-1] if found.axes.endswith("C") else 1
    if settled is not None and not kind.of_network:
        answer = kind.wanted(threshold, spec, classes, minimum)
        return Prediction(answer.of_images(settled), answer, settled)
    seen, settled = settled is not None, settled or _blank(found, media_type, images)
    values = array.reshape(*found.size, classes)
    if array.dtype.kind == "f":
        answer = kind.wanted(threshold, spec, classes, minimum)
        made = answer.of_tile(_probabilities(values))
    else:
        made = _mask(values, several=bool(spec.multilabel))
        answer = _of_mask(made, kind, spec, threshold, minimum)
        made = made.copy() if minimum > 1 else made  # it is the user's
    return Prediction(answer.finished(made), answer, settled, seen=seen)


def _read(array: np.ndarray, images: Images | None) -> tuple[Reading, Images | None]:
    """How an array is meant, and the images that it fits, their axes settled."""
    readings = _readings(array.shape)
    if images is None:
        return readings[0], None
    sent = _readings(images.pixels.shape, images.axes)
    for of_images in sent:
        for reading in readings:
            if reading.size == of_images.size:
                return reading, replace(images, axes=of_images.axes)
    sides = [reading.size[1:] for reading in sent]
    if array.ndim > 2 and array.shape[-2:] in sides:
        raise ModelError(
            f"predict_fn returned {times(array.shape)} for images of {times(images.pixels.shape)}; "
            f"classes come last: return np.moveaxis(values, {array.ndim - 3}, -1)"
        )
    return readings[0], None


def _readings(shape: tuple[int, ...], axes: str = "") -> list[Reading]:
    """All that the axes may mean, the likeliest first."""
    possible = {2: ["HW"], 3: ["NHW", "HWC"], 4: ["NHWC"]}[len(shape)]
    if len(shape) == 3 and looks_like_channels(shape):
        possible.reverse()
    known = [axes] if axes else possible
    return [
        Reading(known_axes, shape[:3] if known_axes.startswith("N") else (1, *shape[:2]))
        for known_axes in known
    ]


def _blank(found: Reading, media_type: str, sent: Images | None) -> Images:
    """Images of that size, in place of those that nobody here has seen, or that have another."""
    axes = found.axes.removesuffix("C")
    shape = found.size[-len(axes) :]
    came = f"the answer has {times(shape)} pixels, and what was sent has "
    said = (came + times(sent.pixels.shape),) if sent else ()
    return Images(np.broadcast_to(np.uint8(0), shape), None, axes, media_type, assumed=said)


def _probabilities(values: np.ndarray) -> np.ndarray:
    """float32 (N, H, W, K), 0–1."""
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise ModelError(f"predict_fn returned NaN or infinity; {RULE}")
    if not may_be_probabilities(low, high):
        raise ModelError(
            f"predict_fn returned floats from {low:.3g} to {high:.3g}; probabilities are 0–1; "
            "apply sigmoid or softmax to logits, and return a finished mask as uint8"
        )
    values = values.astype(np.float32, copy=False)
    return values if low >= 0 and high <= 1 else values.clip(0, 1)


def _mask(values: np.ndarray, several: bool) -> np.ndarray:
    """Whole numbers (N, H, W, K) -> (N, H, W), of the smallest unsigned type.

    Args:
        several: whether there may be a mask for each of K > 1 classes; then (N, H, W, K).
    """
    if (values.shape[3] > 1 and not several) or values.min() < 0:
        raise ModelError(
            f"predict_fn returned {values.dtype} of {times(values.shape)}, from {values.min()}; "
            f"{RULE}"
        )
    mask = values if values.shape[3] > 1 else values[..., 0]
    if mask.dtype == bool:
        return np.multiply(mask, FOREGROUND, dtype=np.uint8)
    return mask.astype(np.min_scalar_type(mask.max()), copy=False)


def _of_mask(
    mask: np.ndarray, kind: type[Answer], spec: ModelSpec, threshold: float | None, minimum: int
) -> Answer:
    """The answer that holds a finished mask.

    Raises:
        RequestError: it cannot be made of one.
    """
    if not issubclass(kind, Mask) or threshold is not None:
        wanted = f"output={kind.name}" if threshold is None else f"threshold={threshold}"
        raise RequestError(
            f"{wanted} needs probabilities; the predict_fn of this model returns a finished mask "
            f"({mask.dtype}); leave that out, or return floats, 0–1"
        )
    if mask.ndim == 4:
        return kind.wanted(None, spec, mask.shape[3], minimum)
    spec = replace(spec, multilabel=False)
    most = int(mask.max())
    one_class = most == FOREGROUND and not ((mask > 0) & (mask < FOREGROUND)).any()
    classes = 1 if one_class or not most else max(2, most + 1)
    return kind.wanted(None, spec, classes, minimum)
