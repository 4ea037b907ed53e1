"""How far a network looks, read from its layers.

An output pixel depends on the input pixels of one interval per axis. Walking from the output back
to the input, each layer maps the interval of its output onto the interval that it reads:

    convolution, pooling   [a, b] -> [a·stride - pad, b·stride - pad + (kernel - 1)·dilation]
    upsampling             [a, b] -> [a // factor, b // factor]
    everything pointwise   [a, b] -> [a, b]

What has several readers, such as a skip connection, gets the hull of what they read.
Arithmetic of convolutions: https://arxiv.org/abs/1603.07285
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .network import Geometry, Source

logger = logging.getLogger(__name__)

Interval = tuple[int, int]

# They compute each pixel from the same pixel. Not here: what normalises over the whole image, such
# as GroupNormalization; its result depends on where the image is cut.
POINTWISE = frozenset(
    [
        "InputLayer",
        "Identity",
        "Activation",
        "ReLU",
        "Relu",
        "LeakyReLU",
        "LeakyRelu",
        "PReLU",
        "ELU",
        "Elu",
        "Softmax",
        "Sigmoid",
        "Tanh",
        "BatchNormalization",
        "Normalization",
        "Rescaling",
        "Dropout",
        "SpatialDropout2D",
        "GaussianNoise",
        "GaussianDropout",
        "AlphaDropout",
        "ActivityRegularization",
        "Concatenate",
        "Add",
        "Subtract",
        "Multiply",
        "Average",
        "Maximum",
        "Minimum",
        "Divide",
        "TrueDivide",
        "Negative",
        "Clip",
        "Cast",
    ]
)
TRIED_STRIDES = (1, 2, 4, 8, 16, 32, 64)  # on networks whose layers cannot be looked at
CONVOLUTIONS = frozenset(["Conv2D", "DepthwiseConv2D", "SeparableConv2D"])
MORE_PIXELS = {"nearest": 0, "bilinear": 1}  # that an interpolation reads to each side
POOLINGS = frozenset(["MaxPooling2D", "AveragePooling2D"])


@dataclass(frozen=True)
class _Step:
    """A layer along one axis: the change of scale, and the interval that it reads."""

    scale: Fraction
    reads: Callable[[Interval], Interval]


class UnknownLayer(Exception):
    """What a layer reads is not known here, so that nothing is known of the network."""


def of_layers(network: Any) -> Geometry | None:
    """The geometry of a functional Keras model; None where its layers do not tell it."""
    if not hasattr(network, "layers"):
        return None
    try:
        graph = _Graph(network)
        (rows, row_reach), (columns, column_reach) = (
            _stride_and_reach(graph, axis) for axis in (0, 1)
        )
    except UnknownLayer:
        return None
    except (AttributeError, TypeError) as exc:  # Keras is not as it was: tests/upstream
        logger.warning("layers cannot be read, so that tiles overlap by a guess: %s", exc)
        return None
    return Geometry(math.lcm(rows, columns), max(row_reach, column_reach))


def tried_stride(source: Source, function: Callable[[Any], Any]) -> int:
    """The smallest stride whose multiples a network takes, and gives back in that size."""
    if source.height and source.width:
        return 1  # a fixed size needs no rounding
    for stride in TRIED_STRIDES:
        # three times: no multiple of the next stride
        size = (source.height or 3 * stride, source.width or 3 * stride)
        images = np.zeros((source.batch or 1, *size, source.channels), np.float32)
        try:
            values = function(images)
        except Exception:  # whatever a network raises where its parts do not fit each other
            continue
        if tuple(values.shape[1:3]) == size:
            return stride
    return TRIED_STRIDES[-1]  # none: what tries the network out says what is wrong


def _stride_and_reach(graph: "_Graph", axis: int) -> tuple[int, int]:
    steps = {key: _step(layer, axis) for key, layer in graph.layers.items()}
    scales: dict[int, Fraction] = {}  # input pixels per pixel
    for key in graph.order:
        parents = graph.parents[key]
        scales[key] = steps[key].scale * (scales[parents[0]] if parents else 1)
    stride = math.lcm(*(scale.numerator for scale in scales.values()))
    # where a pixel lies in the grid of the coarsest level decides how far it sees to each side
    return stride, max(_reach(graph, steps, pixel) for pixel in range(stride))


def _reach(graph: "_Graph", steps: dict[int, _Step], pixel: int) -> int:
    read: dict[int, Interval] = {graph.order[-1]: (pixel, pixel)}
    for key in reversed(graph.order):
        low, high = steps[key].reads(read[key])
        for parent in graph.parents[key]:
            known = read.get(parent, (low, high))
            read[parent] = (min(low, known[0]), max(high, known[1]))
    low, high = read[graph.source]
    return max(pixel - low, high - pixel)


class _Graph:
    """The tensors of a model with one input and one output, models inside it unfolded.

    Attributes:
        order: the keys of all tensors that the output depends on, each after its parents.
        parents, layers: of each tensor, the tensors it is made from, and the layer that does it.
        source: the key of the input.
    """

    def __init__(self, network: Any):
        self.order: list[int] = []
        self.parents: dict[int, list[int]] = {}
        self.layers: dict[int, Any] = {}
        self.source = id(network.inputs[0])
        self._inside: dict[int, Any] = {}  # input of a model inside -> tensor it is called with
        self._visit(network.outputs[0])

    def _visit(self, output: Any) -> None:
        pending = [(output, False)]
        while pending:
            tensor, ready = pending.pop()
            key = id(tensor)
            if ready:
                self.order.append(key)
            elif key not in self.parents:
                layer, parents = self._made_by(tensor)
                self.layers[key], self.parents[key] = layer, [id(parent) for parent in parents]
                pending.append((tensor, True))
                pending.extend((parent, False) for parent in parents)

    def _made_by(self, tensor: Any) -> tuple[Any, list[Any]]:
        if id(tensor) in self._inside:
            return None, [self._inside[id(tensor)]]
        if id(tensor) == self.source:
            return None, []
        layer, node, _ = tensor._keras_history
        called_with = layer._inbound_nodes[node].input_tensors
        if not hasattr(layer, "layers"):
            return layer, called_with
        if len(layer.inputs) != 1 or len(layer.outputs) != 1 or id(layer.inputs[0]) in self._inside:
            raise UnknownLayer(f"{layer.name} is called twice, or has several inputs or outputs")
        self._inside[id(layer.inputs[0])] = called_with[0]
        return None, [layer.outputs[0]]


def _step(layer: Any, axis: int) -> _Step:
    """Raises UnknownLayer."""
    kind = type(layer).__name__
    if layer is None or kind in POINTWISE:
        return _Step(Fraction(1), lambda interval: interval)
    if getattr(layer, "data_format", None) == "channels_first":
        raise UnknownLayer(f"{layer.name} has its channels first")
    if kind in CONVOLUTIONS:
        return _window(
            layer.kernel_size[axis], layer.strides[axis], layer.dilation_rate[axis], layer.padding
        )
    if kind in POOLINGS:
        return _window(layer.pool_size[axis], layer.strides[axis], 1, layer.padding)
    if kind == "Conv2DTranspose":
        return _transposed(layer.kernel_size[axis], layer.strides[axis], layer.padding)
    if kind == "UpSampling2D":
        return _upsampling(layer.size[axis], layer.interpolation)
    if kind in ("ZeroPadding2D", "Cropping2D"):
        before = layer.padding[axis][0] if kind == "ZeroPadding2D" else -layer.cropping[axis][0]
        return _Step(Fraction(1), lambda ab: (ab[0] - before, ab[1] - before))
    raise UnknownLayer(f"{kind} is not known")


def _window(kernel: int, stride: int, dilation: int, padding: str) -> _Step:
    last = (kernel - 1) * dilation
    before = max(last + 1 - stride, 0) // 2 if padding == "same" else 0
    return _Step(
        Fraction(stride), lambda ab: (ab[0] * stride - before, ab[1] * stride - before + last)
    )


def _transposed(kernel: int, stride: int, padding: str) -> _Step:
    before = max(kernel - stride, 0) // 2 if padding == "same" else 0
    return _Step(
        Fraction(1, stride),
        lambda ab: (-((kernel - 1 - before - ab[0]) // stride), (ab[1] + before) // stride),
    )


def _upsampling(factor: int, interpolation: str) -> _Step:
    if interpolation not in MORE_PIXELS:
        raise UnknownLayer(f"interpolation {interpolation} is not known")
    more = MORE_PIXELS[interpolation]
    return _Step(Fraction(1, factor), lambda ab: (ab[0] // factor - more, ab[1] // factor + more))
