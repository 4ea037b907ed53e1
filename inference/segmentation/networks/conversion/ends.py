"""What the two ends of a graph tell of the numbers that the network takes and gives."""

from typing import Any

import numpy as np
import openvino as ov

from ..activations import LINEAR, SIGMOID, SOFTMAX
from ..network import EIGHT_BITS, ONE, Ends
from . import graphs

# they move numbers and leave them as they are
MOVES = frozenset(
    """Transpose Reshape Convert Squeeze Unsqueeze Pad Round Gather Slice StridedSlice
    Interpolate""".split()
)
ARITHMETIC = {"Add", "Subtract", "Multiply", "Divide"}
WEIGHTED = {
    "Convolution",
    "GroupConvolution",
    "ConvolutionBackpropData",
    "GroupConvolutionBackpropData",
    "MatMul",
}
ACTIVATIONS = {"Sigmoid": SIGMOID, "SoftMax": SOFTMAX, "Softmax": SOFTMAX}
# a first layer that makes less than this of the whole range of intensities expects larger numbers
LEAST_RANGE = 0.05
# so does one that takes away more than this, in intensities: it means values of 8 bits
LARGEST_SHIFT = 2.0


def of_graph(graph: ov.Model) -> Ends:
    """Look at a graph from (N, H, W, C) to (N, H, W, K)."""
    output = graph.output(0)
    return Ends(_largest(graph), activation(output), labels(output))


def activation(output: Any) -> str:
    """What an output of a graph went through last; "" where it is none of those that are told."""
    node, scaled = _last(output)
    if node.get_type_name() in ACTIVATIONS:
        return "" if scaled else ACTIVATIONS[node.get_type_name()]
    return LINEAR if node.get_type_name() in WEIGHTED else ""


def labels(output: Any) -> int | None:
    """How many classes an output holds the indices of; 0 where that is not told; None: it holds
    other numbers.
    """
    passed = [value.get_element_type() for value in _way_back(output)]
    node, _ = _last(output)
    if node.get_type_name() == "TopK":
        length = node.input_value(0).get_partial_shape()[node.get_attributes()["axis"]]
        return length.get_length() if length.is_static else 0
    told = node.get_type_name() in ACTIVATIONS or ov.Type.boolean in passed
    return 0 if any(kind.is_integral() for kind in passed) and not told else None


def without_activation(output: Any) -> None:
    """Let an output have what its last activation was given, in place."""
    node, _ = _last(output)
    graphs.replace(node.output(0), node.input_value(0))


def _last(output: Any) -> tuple[Any, bool]:
    """The last operation that computes what an output of a graph has, and whether its result is
    multiplied by something, or something is added, after that.
    """
    *passed, value = _way_back(output)
    kinds = {value.get_node().get_type_name() for value in passed}
    return value.get_node(), bool(kinds & ARITHMETIC)


def _way_back(output: Any) -> list[Any]:
    """The values from an output of a graph back to the last operation that computes them."""
    way = [output.get_node().input_value(0)]
    while True:
        node = way[-1].get_node()
        kind = node.get_type_name()
        if kind in ARITHMETIC:
            varying = [value for value in node.input_values() if graphs.constant(value) is None]
            if len(varying) != 1:
                return way
            way.append(varying[0])
        elif kind in MOVES:
            way.append(node.input_value(0))
        else:
            return way


def _largest(graph: ov.Model) -> int:
    """The largest intensity that the graph's first operations expect: 1 or 255."""
    output, gain = graph.input(0), 1.0
    while True:
        readers = [
            reader
            for reader in output.get_target_inputs()
            if reader.get_node().get_type_name() != "ShapeOf"
        ]
        if len(readers) != 1:
            return ONE
        [reader] = readers
        node = reader.get_node()
        kind = node.get_type_name()
        if kind == "Convert" and node.get_output_element_type(0).is_integral():
            return EIGHT_BITS
        if kind in ARITHMETIC:
            factor, shift = _factor_and_shift(node, reader.get_index())
            if factor is None:
                return ONE
            if shift > LARGEST_SHIFT * gain:
                return EIGHT_BITS
            gain *= factor
            if 0 < gain < LEAST_RANGE:
                return EIGHT_BITS
        elif kind not in MOVES and kind != "Clamp":
            return ONE
        output = node.output(0)


def _factor_and_shift(node: Any, index: int) -> tuple[float | None, float]:
    """What an operation multiplies its input by, and what it adds to it, at most, without signs;
    None where that is no constant.
    """
    kind = node.get_type_name()
    if kind == "Divide" and index == 1:
        return None, 0
    other = graphs.constant(node.input_value(1 - index))
    if other is None:
        return None, 0
    if kind in ("Add", "Subtract"):
        return 1.0, float(np.abs(other).max())
    most = float(np.abs(other).max() if kind == "Multiply" else 1 / np.abs(other).min())
    return (most if np.isfinite(most) else None), 0
