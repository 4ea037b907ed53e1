"""What the two ends of a graph tell of the numbers that the network takes and gives."""

from typing import Any

import numpy as np
import openvino as ov

from ..network import EIGHT_BITS, LINEAR, ONE, SIGMOID, SOFTMAX, Ends
from . import graphs

# they move numbers and leave them as they are
MOVES = {"Transpose", "Reshape", "Convert", "Squeeze", "Unsqueeze", "Pad", "Round", "Clamp"}
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


def of_graph(graph: ov.Model) -> Ends:
    """Look at a graph from (N, H, W, C) to (N, H, W, K)."""
    return Ends(_largest(graph), _activation(graph))


def _activation(graph: ov.Model) -> str:
    """What the graph ends with; "" where it is none of those that are told."""
    node = graph.output(0).get_node().input_value(0).get_node()
    scaled = False
    while True:
        kind = node.get_type_name()
        if kind in ACTIVATIONS:
            return "" if scaled else ACTIVATIONS[kind]
        if kind in WEIGHTED:
            return LINEAR
        if kind in ARITHMETIC:
            varying = [value for value in node.input_values() if graphs.constant(value) is None]
            if len(varying) != 1:
                return ""
            scaled, node = True, varying[0].get_node()
        elif kind in MOVES and kind != "Clamp":
            node = node.input_value(0).get_node()
        else:
            return ""


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
            factor = _factor(node, reader.get_index())
            if factor is None:
                return ONE
            gain *= factor
            if 0 < gain < LEAST_RANGE:
                return EIGHT_BITS
        elif kind not in MOVES:
            return ONE
        output = node.output(0)


def _factor(node: Any, index: int) -> float | None:
    """What an operation multiplies its input by, at most; None where that is no constant."""
    kind = node.get_type_name()
    if kind == "Divide" and index == 1:
        return None
    other = graphs.constant(node.input_value(1 - index))
    if other is None:
        return None
    if kind in ("Add", "Subtract"):
        return 1.0
    most = float(np.abs(other).max() if kind == "Multiply" else 1 / np.abs(other).min())
    return most if np.isfinite(most) else None
