"""What the two ends of a graph tell of the numbers that the network takes and gives."""

from typing import Any

import numpy as np
import openvino as ov

from ..activations import LINEAR, SIGMOID, SOFTMAX
from ..network import EIGHT_BITS, ONE, SIXTEEN_BITS, UNTOLD, Ends
from . import graphs

# they move numbers and leave them as they are
MOVES = frozenset(
    """BatchToSpace Broadcast Convert DepthToSpace Gather Interpolate Pad Reshape Reverse Round
    Slice SpaceToBatch SpaceToDepth Split Squeeze StridedSlice Tile Transpose Unsqueeze
    VariadicSplit""".split()
)
ARITHMETIC = {"Add", "Subtract", "Multiply", "Divide"}
SCALING = {"Multiply", "Divide"}
SUMS = {"Add", "Subtract"}
WEIGHTED = {
    "Convolution",
    "GroupConvolution",
    "ConvolutionBackpropData",
    "GroupConvolutionBackpropData",
    "MatMul",
}
ACTIVATIONS = {"Sigmoid": SIGMOID, "SoftMax": SOFTMAX, "Softmax": SOFTMAX}
LIMITS = {"Maximum", "Minimum"}
# the largest intensity that a type of whole numbers tells by itself; 8 signed bits hold none
TOLD = {ov.Type.u8: EIGHT_BITS, ov.Type.i8: UNTOLD}
UNLESS_DIVIDED = {ov.Type.u16: SIXTEEN_BITS}  # by what tells that it is another
LOGARITHM = "LogSoftmax"  # softmax makes the same of what it gives as of what it was given
# a first layer that makes less than this of the whole range of intensities expects larger numbers
LEAST_RANGE = 0.05
# so does one that takes away more than this, in intensities: it means larger numbers
LARGEST_SHIFT = 2.0
# one that rounds more than this to whole numbers has made them large itself
LARGEST_ROUNDED = 2.0
# what it divides by, or takes away, at most, if it means values of 8 bits
LARGEST_OF_EIGHT_BITS = 600.0
# what it divides by if it means values of 16 bits: for 0–1, and for −1…1
OF_SIXTEEN_BITS = np.array([65535, 65536, 32767, 32767.5, 32768])
SAME = 1e-4  # how near to these


def of_graph(graph: ov.Model) -> Ends:
    """Look at a graph from (N, H, W, C) to (N, H, W, K)."""
    output = graph.output(0)
    return Ends(_largest(graph), activation(output), labels(output))


def activation(output: Any) -> str:
    """What an output of a graph went through last; "" where it is none of those that are told."""
    value, scaled = _last(output.get_node().input_value(0))
    kind = value.get_node().get_type_name()
    if kind in ACTIVATIONS:
        whole = ACTIVATIONS[kind] == SIGMOID or _has_all_classes(output, value)
        return ACTIVATIONS[kind] if whole and not scaled else ""
    if kind == LOGARITHM:
        return LINEAR if _has_all_classes(output, value) and not scaled else ""
    return LINEAR if _is_linear(value) else ""


def _has_all_classes(output: Any, value: Any) -> bool:
    """Whether an output still has as many classes as the softmax that it comes from; a part of
    these does not sum to 1.
    """
    taken, given = value.get_partial_shape(), output.get_partial_shape()
    if taken.rank.is_dynamic or given.rank.is_dynamic:
        return True
    classes = taken[value.get_node().get_attributes()["axis"] % len(taken)]
    return classes.is_dynamic or any(length == classes for length in given if length.is_static)


def _is_linear(value: Any) -> bool:
    """Whether a value is what a layer of weights gives, or is joined of such.

    So is a sum in which such a layer takes part, as that of a residual block is: it has no bounds.
    It is not if the others are bounded, as what an activation gives, or the image that it corrects.
    """
    known: dict[str, bool] = {}

    def linear(value: Any) -> bool:
        node = _last(value)[0].get_node()
        name, kind = node.get_friendly_name(), node.get_type_name()
        if name not in known:
            varying = [one for one in node.input_values() if graphs.constant(one) is None]
            if kind in SUMS:
                known[name] = any(map(linear, varying)) and not any(map(_is_bounded, varying))
            elif kind in WEIGHTED:
                known[name] = not _mixes_probabilities(node)
            else:
                known[name] = kind == "Concat" and all(map(linear, varying))
        return known[name]

    return linear(value)


def _mixes_probabilities(node: Any) -> bool:
    """Whether a layer takes probabilities and has no weight below 0, as where a mask is blurred or
    classes are put together: it may well give probabilities, too, and its values tell.
    """
    weights = graphs.constant(node.input_value(1))
    taken = _last(node.input_value(0))[0].get_node().get_type_name()
    return taken in ACTIVATIONS and weights is not None and bool(weights.min() >= 0)


def _is_bounded(value: Any) -> bool:
    return _last(value)[0].get_node().get_type_name() in {*ACTIVATIONS, "Parameter"}


def labels(output: Any) -> int | None:
    """How many classes an output holds the indices of; 0 where that is not told; None: it holds
    other numbers.
    """
    way = _way_back(output.get_node().input_value(0))
    passed = [value.get_element_type() for value in way]
    node = way[-1].get_node()
    if node.get_type_name() == "TopK":
        length = node.input_value(0).get_partial_shape()[node.get_attributes()["axis"]]
        return length.get_length() if length.is_static else 0
    told = node.get_type_name() in ACTIVATIONS or ov.Type.boolean in passed
    whole = [kind.is_integral() for kind in passed]
    if told or True not in whole:
        return None
    scaled = {value.get_node().get_type_name() for value in way[: whole.index(True)]} & SCALING
    return None if scaled else 0  # what is scaled was rounded to be computed with


def without_activation(output: Any) -> None:
    """Let an output have what its last activation was given, in place."""
    value, _ = _last(output.get_node().input_value(0))
    node = value.get_node()
    graphs.replace(node.output(0), node.input_value(0))


def _last(value: Any) -> tuple[Any, bool]:
    """What the last operation that computes a value gives, and whether that is multiplied by
    something, or something is added, afterwards.
    """
    *passed, last = _way_back(value)
    kinds = {value.get_node().get_type_name() for value in passed}
    return last, bool(kinds & ARITHMETIC)


def _way_back(value: Any) -> list[Any]:
    """The values from one of a graph back to the last operation that computes them."""
    way = [value]
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
    """The largest intensity that the graph's first operations expect: 1, 255 or 65535; 0 where it
    is larger than 255, and not told.
    """
    gains = {_key(graph.input(0)): 1.0}  # of the values that are the image still
    otherwise = ONE
    for node in graph.get_ordered_ops():
        kind = node.get_type_name()
        known = [gains.get(_key(value)) for value in node.input_values()]
        own = [gain for gain in known if gain is not None]
        if not own or kind == "Result":
            continue
        gain = own[0]
        if kind in ARITHMETIC and len(own) == 1:
            factor, shift = _factor_and_shift(node, known.index(gain))
            if factor is None:
                continue
            found = _of_shift(shift / gain)
            gain *= factor
            found = of_gain(gain) if found is None else found
            if found is not None:
                return found
        elif kind in LIMITS and len(own) == 1:
            if graphs.constant(node.input_value(1 - known.index(gain))) is None:
                continue
        elif kind in MOVES | {"Clamp"} and known[0] is not None:
            element = node.get_output_element_type(0)
            if kind == "Convert" and element.is_integral() and gain < LARGEST_ROUNDED:
                if element in TOLD:
                    return TOLD[element]
                otherwise = UNLESS_DIVIDED.get(element, EIGHT_BITS)
        elif kind == "Concat" and len(own) == len(known):  # as of one gray channel three
            gain = max(own)
        else:
            continue
        if gain > 0:
            gains |= {_key(value): gain for value in node.outputs()}
    return otherwise


def _key(output: Any) -> tuple[str, int]:
    return output.get_node().get_friendly_name(), output.get_index()


def _of_shift(shift: float) -> int | None:
    """The largest intensity of what so much is taken away from; None: it tells nothing."""
    if shift <= LARGEST_SHIFT:
        return None
    return EIGHT_BITS if shift <= LARGEST_OF_EIGHT_BITS else UNTOLD


def of_gain(gain: float) -> int | None:
    """The largest intensity of what is multiplied by so much; None: it tells nothing."""
    if not 0 < gain < LEAST_RANGE:
        return None
    divisor = 1 / gain
    if divisor <= LARGEST_OF_EIGHT_BITS:
        return EIGHT_BITS
    told = np.isclose(divisor, OF_SIXTEEN_BITS, rtol=SAME, atol=0).any()
    return SIXTEEN_BITS if told else UNTOLD


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
