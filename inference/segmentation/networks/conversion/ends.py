"""What the two ends of a graph tell of the numbers that the network takes and gives."""

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import openvino as ov

from ..activations import LINEAR, SIGMOID, SOFTMAX
from ..network import EIGHT_BITS, Ends
from . import graphs, intensities

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
TANH = "Tanh"  # a sigmoid of twice as much, from -1 to 1
SELECT = "Select"
CALCULATIONS: dict[str, Callable[..., np.ndarray]] = {
    "Add": np.add,
    "Subtract": np.subtract,
    "Multiply": np.multiply,
    "Divide": np.divide,
    "Minimum": np.minimum,
    "Maximum": np.maximum,
    SELECT: np.where,
}
LOGARITHM = "LogSoftmax"  # softmax makes the same of what it gives as of what it was given


def of_graph(graph: ov.Model) -> Ends:
    """Look at a graph from (N, H, W, C) to (N, H, W, K)."""
    output = graph.output(0)
    last = activation(output) or _scaled_activation(output)
    return Ends(intensities.largest(graph), last, labels(output), bounds=bounds(output))


def activation(output: Any) -> str:
    """What an output of a graph went through at the very last; "" where it is none of those that
    are told.
    """
    value, scaled = _last(output.get_node().input_value(0))
    kind = value.get_node().get_type_name()
    if kind in ACTIVATIONS:
        whole = ACTIVATIONS[kind] == SIGMOID or _has_all_classes(output, value)
        return ACTIVATIONS[kind] if whole and not scaled else ""
    if kind == LOGARITHM:
        return LINEAR if _has_all_classes(output, value) and not scaled else ""
    return LINEAR if _is_linear(value) else ""


def _scaled_activation(output: Any) -> str:
    """What an output went through, whose probabilities were scaled afterwards."""
    value = _way_to(output)[-1]
    kind, limits = value.get_node().get_type_name(), _limits(output)
    if kind not in (*ACTIVATIONS, TANH) or limits is None:
        return ""
    if ACTIVATIONS.get(kind) != SOFTMAX:
        return SIGMOID
    low, high = limits  # scaled back it sums to 1, if it is, and none is turned over
    whole = _has_all_classes(output, value) and low < high and bounds(output) is not None
    return SOFTMAX if whole else ""


def bounds(output: Any) -> tuple[float, float] | None:
    """What an output gives for probabilities of 0 and 1, or for the first and the last class; None:
    these themselves, or it is not told.
    """
    if labels(output):
        values = np.unique(_of_classes(output))
        low, high = float(values[0]), float(values[-1])
        return None if (low, high) == (0, len(values) - 1) else (low, high)
    limits = _limits(output)
    if limits is None or (min(limits) >= 0 and max(limits) <= 1) or limits[0] == limits[1]:
        return None
    return (0.0, EIGHT_BITS) if min(limits) > 0 else (min(limits), max(limits))


def _of_classes(output: Any) -> np.ndarray:
    """What an output gives for each index of a class, in their order; none where it is not told."""
    *passed, last = _way_to(output)
    values = np.arange(_classes_of(last.get_node()), dtype=float)
    for value in reversed(passed):
        values = _applied(value.get_node(), values)
    return values


def _limits(output: Any) -> tuple[float, float] | None:
    """What an output gives where the last operation gives least, and most, that bounds its values,
    whatever limits it afterwards; None: it is not told, or is no usual range: from 0, from -x to x,
    or within 0–1 or 0–255.
    """
    way = _way_to(output)
    kinds = [value.get_element_type() for value in way]
    if ov.Type.boolean in kinds:
        way = way[: kinds.index(ov.Type.boolean) + 1]
    *passed, last = way
    limits = np.array(_limits_of_last(last))
    for value in reversed(passed):
        if value.get_node().get_type_name() not in graphs.LIMITS and limits.size:
            limits = _applied(value.get_node(), limits)
    if not (limits.size and np.isfinite(limits).all()):
        return None
    low, high = limits.min(), limits.max()
    if last.get_node().get_type_name() == TANH and low:
        return None  # what tanh gives by itself may mean 0 to 1, or -1 to 1
    usual = low in (0, -high) or (low > 0 and high <= EIGHT_BITS)
    return (float(limits[0]), float(limits[1])) if usual else None


def _limits_of_last(value: Any) -> tuple[float, ...]:
    """The least and the largest number that an operation gives; () where these are not told."""
    kind = value.get_node().get_type_name()
    if kind in ACTIVATIONS or value.get_element_type() == ov.Type.boolean:
        return 0, 1
    return (-1, 1) if kind == TANH else ()


def _applied(node: Any, values: np.ndarray) -> np.ndarray:
    """What an operation makes of numbers; none, where it does not do the same to each pixel."""
    kind = node.get_type_name()
    if kind == "Clamp":
        return values.clip(*(node.get_attributes()[name] for name in ("min", "max")))
    if kind == "Relu":
        return values.clip(0)
    if kind not in CALCULATIONS:
        return values
    given = [graphs.constant(value) for value in node.input_values()]
    if any(known is not None and np.unique(known).size != 1 for known in given):
        return np.array([])
    numbers = [values if known is None else known.flat[0].astype(float) for known in given]
    with np.errstate(divide="ignore"):
        return CALCULATIONS[kind](*numbers)


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
    """Whether a layer takes probabilities, and has no weight below 0 or gives as many numbers as it
    takes, as where a mask is blurred or sharpened, or classes are put together: it may well give
    probabilities, too, and its values tell.
    """
    weights = graphs.constant(node.input_value(1))
    taken = _last(node.input_value(0))[0].get_node().get_type_name()
    if taken not in ACTIVATIONS or weights is None:
        return False
    channels = _channels(node.input_value(0))
    keeps = channels is not None and channels == _channels(node.output(0))
    return keeps or bool(weights.min() >= 0)


def _channels(value: Any) -> int | None:
    """Of what a convolution takes or gives, (N, C, H, W); None where that is not told."""
    shape = value.get_partial_shape()
    told = shape.rank.is_static and len(shape) > 1 and shape[1].is_static
    return shape[1].get_length() if told else None


def _is_bounded(value: Any) -> bool:
    return _last(value)[0].get_node().get_type_name() in {*ACTIVATIONS, "Parameter"}


def labels(output: Any) -> int | None:
    """How many classes an output holds the indices of; 0 where that is not told; None: it holds
    other numbers.
    """
    way = _way_to(output)
    passed = [value.get_element_type() for value in way]
    kind = way[-1].get_node().get_type_name()
    if kind == "TopK" and ov.Type.boolean not in passed:
        return _count_of(np.unique(_of_classes(output)), _classes_of(way[-1].get_node()))
    told = kind in (*ACTIVATIONS, TANH, "OneHot") or ov.Type.boolean in passed
    whole = [kind.is_integral() for kind in passed]
    if told or True not in whole:
        return None
    scaled = {value.get_node().get_type_name() for value in way[: whole.index(True)]} & SCALING
    return None if scaled else 0  # what is scaled was rounded to be computed with


def _count_of(values: np.ndarray, classes: int) -> int:
    """How many classes an output tells apart that gives these numbers for those that are chosen; 0
    where they are neither evenly spaced nor the indices of fewer classes.
    """
    evenly = len(values) == classes > 1 and np.allclose(np.diff(values), values[1] - values[0])
    fewer = len(values) > 1 and np.array_equal(values, np.arange(len(values)))
    return len(values) if evenly or fewer else 0


def is_rounded(output: Any) -> bool:
    """Whether an output holds whole numbers that were rounded at its end."""
    way = _way_to(output)
    kinds = {value.get_node().get_type_name() for value in way}
    return output.get_element_type().is_integral() or bool(kinds & {"Round", "Floor", "Ceiling"})


def _classes_of(node: Any) -> int:
    """How many classes the likeliest is chosen of; 0 where that is not told."""
    length = node.input_value(0).get_partial_shape()[node.get_attributes()["axis"]]
    return length.get_length() if length.is_static else 0


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
    return last, bool(kinds & graphs.ARITHMETIC)


def _way_to(output: Any) -> list[Any]:
    """As ``_way_back`` of an output, whatever limits its values on the way."""
    return _way_back(output.get_node().input_value(0), graphs.LIMITS)


def _way_back(value: Any, also: Collection[str] = ()) -> list[Any]:
    """The values from one of a graph back to the last operation that computes them.

    Args:
        also: kinds of operations that count as computing nothing, beside those that move or scale.
    """
    way = [value]
    while True:
        node = way[-1].get_node()
        kind = node.get_type_name()
        varying = [value for value in node.input_values() if graphs.constant(value) is None]
        if kind in (*graphs.ARITHMETIC, *also, SELECT) and len(varying) == 1:
            way.append(varying[0])
        elif kind in graphs.MOVES or (kind == "TopK" and way[-1].get_index() == 0):
            way.append(node.input_value(0))  # (the first output of TopK has values of its input)
        else:
            return way
