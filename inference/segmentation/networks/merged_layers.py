"""Layers that do in one step, or more cheaply, what a network does in two.

**Upsampling and the convolution after it.** Nearest-neighbour upsampling repeats pixels, so that a
3×3 window after it reads only 2×2 different ones. Each of the four parities of an output pixel's
row and column, its *phases*, is therefore a convolution of the small image, whose weights are sums
of those that would meet the same pixel: 16 multiplications in place of 36.
Convolutions at low resolution in place of high: https://arxiv.org/abs/1609.07009

**A convolution and the batch normalisation after it.** A trained normalisation multiplies each
channel and adds to it. Multiplying the kernel and the bias comes to the same; so it does across a
ReLU, if no channel changes its sign, but there the addition is left: ``Shift``.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))  # parities of row and column


class UpsampledConv2D(layers.Layer):
    """Nearest-neighbour upsampling by 2, and a convolution: (N, H, W, C) -> (N, 2H, 2W, filters).

    Args:
        convolution: a Conv2D of stride 1 with ``same`` padding; gives name and activation.
        kernel: (h, w, C, filters) float32, of the upsampled image.
        bias: (filters,) float32; None: it has none.
        dtype: as of any layer.
    """

    def __init__(
        self, convolution: layers.Conv2D, kernel: np.ndarray, bias: np.ndarray | None, dtype: Any
    ):
        super().__init__(name=convolution.name, dtype=dtype)
        self._filters = convolution.filters
        self._activation = convolution.activation
        self._kernels, self._paddings = [], []
        for phase in PHASES:
            values, padding = _of_phase(kernel, phase)
            self._kernels.append(_weight(self, values))
            self._paddings.append(padding)
        self._bias = None if bias is None else _weight(self, bias)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        pairs = zip(self._kernels, self._paddings, strict=True)
        phases = [self._phase(inputs, kernel, padding) for kernel, padding in pairs]
        count, height, width, _ = keras.ops.shape(inputs)
        line = (count, height, 2 * width * self._filters)
        lines = [tf.reshape(tf.concat(pair, -1), line) for pair in (phases[:2], phases[2:])]
        return tf.reshape(tf.concat(lines, -1), (count, 2 * height, 2 * width, self._filters))

    def _phase(self, images: tf.Tensor, kernel: Any, padding: list[list[int]]) -> tf.Tensor:
        values = tf.nn.conv2d(images, keras.ops.convert_to_tensor(kernel), 1, padding)
        if self._bias is not None:
            values = tf.nn.bias_add(values, keras.ops.convert_to_tensor(self._bias))
        return self._activation(values)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        count, *sides, _ = shape
        return count, *(side and 2 * side for side in sides), self._filters


class Shift(layers.Layer):
    """What is left of a normalisation: (N, H, W, C) -> (N, H, W, C).

    Args:
        values: (C,) float32, is added to the channels; None: nothing is.
        name: as of any layer, and so is dtype.
    """

    def __init__(self, values: np.ndarray | None, name: str, dtype: Any):
        super().__init__(name=name, dtype=dtype)
        self._values = None if values is None else _weight(self, values)

    def call(self, inputs: tf.Tensor, mask: Any = None) -> tf.Tensor:
        if self._values is None:
            return inputs
        return tf.nn.bias_add(inputs, keras.ops.convert_to_tensor(self._values))


def scale_and_shift(norm: layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """(C,) float32 each: what a trained normalisation multiplies channels by, and adds then."""
    mean, variance = _values(norm.moving_mean), _values(norm.moving_variance)
    gamma = _values(norm.gamma) if norm.scale else np.float32(1)
    beta = _values(norm.beta) if norm.center else np.float32(0)
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return scale, beta - mean * scale


def _values(weight: Any) -> np.ndarray:
    return weight.numpy().astype(np.float32)


def is_linear(convolution: layers.Conv2D) -> bool:
    return convolution.activation is keras.activations.linear


def _weight(layer: layers.Layer, values: np.ndarray) -> Any:
    weight = layer.add_weight(shape=values.shape, initializer="zeros")
    weight.assign(values)
    return weight


def _of_phase(window: np.ndarray, phase: tuple[int, int]) -> tuple[np.ndarray, list[list[int]]]:
    """The kernel of a phase, and its padding, from that of the upsampled image."""
    rows, columns = _taps(phase[0], window.shape[0]), _taps(phase[1], window.shape[1])
    kernel = np.zeros((np.ptp(rows) + 1, np.ptp(columns) + 1, *window.shape[2:]), window.dtype)
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            kernel[row - rows[0], column - columns[0]] += window[y, x]
    return kernel, [[0, 0], [-rows[0], rows[-1]], [-columns[0], columns[-1]], [0, 0]]


def _taps(phase: int, size: int) -> list[int]:
    """Which pixel of the small image, counted from its own, each weight of a window meets."""
    before = (size - 1) // 2  # of the padding
    return [(phase + weight - before) // 2 for weight in range(size)]
