"""How a model's own input and output lie, and images and probabilities in between.

Everything else here knows networks from (N, H, W, C) to (N, H, W, K). A model may take its channels
first, or one image without a batch; it may give its pixels in a row, an image of half the size, or
one without the border that its convolutions lose. This is for what runs a model as it is;
``conversion/forms.py`` writes the same into its graph.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .activations import SIGMOID, SOFTMAX, sigmoid, softmax

LAST_OF_SEVERAL = "the last one of several alike"
MOST_LIKELY = (
    "which of several looks most like probabilities of its pixels, by its name, size and activation"
)
OURS = "byxc"
PIXELS = "p"  # the axis of all pixels of an image in a row
LEAST_PROBABILITY = 1e-7  # its logit, and that of 1 less it, are finite


@dataclass(frozen=True)
class Form:
    """How a model takes images, and how it gives probabilities.

    Attributes:
        output: which of its outputs, from 0, in the order of tf.nest.flatten.
        outputs: how many it has.
        taken: the axes of its input, as bioimage.io writes them: "byxc", "bcyx", "yxc", "byx", …
        given: those of its output; "p" is height and width in one, as in "bpc".
        factor: how many pixels of the image, along an axis, one of the output stands for.
        border: how many pixels around the image it needs, at each end of an axis; they are
            mirrored.
        cropped: how many pixels of its output, at each end of an axis, lie beyond the image.
        activation: what its output went through, where that is to be resized: "sigmoid",
            "softmax", or "".
        labels: whether its output holds the index of a class, and no probabilities.
    """

    output: int = 0
    outputs: int = 1
    taken: str = OURS
    given: str = OURS
    factor: int = 1
    border: int = 0
    cropped: int = 0
    activation: str = ""
    labels: bool = False

    @property
    def batches(self) -> bool:
        """Whether the model takes several images at once, and gives as many."""
        return "b" in self.taken and "b" in self.given

    def shape(
        self, batch: int | None, height: int | None, width: int | None, channels: int
    ) -> tuple[int | None, ...]:
        """That of the model's own input, for images of (batch, height, width, channels)."""
        sides = [side and side + 2 * self.border for side in (height, width)]
        lengths = dict(zip(OURS, (batch, *sides, channels), strict=True))
        return tuple(lengths[axis] for axis in self.taken)

    def run(self, model: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
        """Run a model as it is.

        Args:
            model: from its own input to its own output.
            images: float32 (N, h, w, C); N is 1 where it takes no batch.

        Returns:
            float32 (N, h, w, K).
        """
        height, width = images.shape[1:3]
        values = self.given_in_ours(model(self._own(images)), height, width)
        return values.astype(np.float32, copy=False)

    def _own(self, images: np.ndarray) -> np.ndarray:
        around = (self.border, self.border)
        if self.border:
            images = np.pad(images, ((0, 0), around, around, (0, 0)), mode="reflect")
        missing = tuple(i for i, axis in enumerate(OURS) if axis not in self.taken)
        left = [axis for axis in OURS if axis in self.taken]
        return images.squeeze(missing).transpose([left.index(axis) for axis in self.taken])

    def given_in_ours(self, values: np.ndarray, height: int, width: int) -> np.ndarray:
        """The model's own output for images of that size, as (N, h, w, K)."""
        sides = [side // self.factor + 2 * self.cropped for side in (height, width)]
        axes = self.given
        if PIXELS in axes:
            at = axes.index(PIXELS)
            values = values.reshape(*values.shape[:at], *sides, *values.shape[at + 1 :])
            axes = axes.replace(PIXELS, "yx")
        order = [axes.index(axis) for axis in OURS if axis in axes]
        missing = [i for i, axis in enumerate(OURS) if axis not in axes]
        values = np.expand_dims(values.transpose(order), missing)  # (N, h, w, K)
        if self.cropped:
            values = values[:, self.cropped : -self.cropped, self.cropped : -self.cropped]
        return self._enlarged(values) if self.factor > 1 else values

    def _enlarged(self, values: np.ndarray) -> np.ndarray:
        """To the size of the image; probabilities by way of their logits."""
        if self.labels:
            return values.repeat(self.factor, 1).repeat(self.factor, 2)
        if self.activation == SIGMOID:
            kept = np.clip(values, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
            return sigmoid(_resized(np.log(kept / (1 - kept)), self.factor))
        if self.activation == SOFTMAX:
            return softmax(_resized(np.log(np.maximum(values, LEAST_PROBABILITY)), self.factor))
        return _resized(values, self.factor)


def _resized(values: np.ndarray, factor: int) -> np.ndarray:
    """(N, h, w, K) -> (N, factor·h, factor·w, K), bilinear, between the centres of pixels."""
    rows, columns = (_weights(length, factor) for length in values.shape[1:3])
    return np.einsum("yh,nhwk,xw->nyxk", rows, values, columns, optimize=True)


def _weights(length: int, factor: int) -> np.ndarray:
    """What each pixel counts for each of the larger image: (factor·length, length)."""
    centres = (np.arange(factor * length) + 0.5) / factor - 0.5
    centres = centres.clip(0, length - 1)
    distances = np.abs(centres[:, None] - np.arange(length))
    return np.maximum(0, 1 - distances).astype(np.float32)
