"""The intensities that the first operations of a graph expect."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import openvino as ov

from ..network import EIGHT_BITS, ONE, SIXTEEN_BITS, UNTOLD
from . import graphs

# the largest intensity that a type of whole numbers tells by itself; 8 signed bits hold none
TOLD = {ov.Type.u8: EIGHT_BITS, ov.Type.i8: UNTOLD}
UNLESS_DIVIDED = {ov.Type.u16: SIXTEEN_BITS}  # by what tells that it is another
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
SUMS = {"Add", "Subtract"}
POOLING = frozenset({"Abs", "AvgPool", "MaxPool", "ReduceMax", "ReduceMean", "ReduceMin"})
MIXING = frozenset({"Convolution", "MatMul"})
NEARLY_ONE = 0.01  # how far from 1 the sum of the weights of a mean may be


def largest(graph: ov.Model) -> int:
    """The largest intensity that the graph's first operations expect: 1, 255 or 65535; 0 where it
    is larger than 255, and not told.
    """
    gains = {_key(graph.input(0)): 1.0}  # of the values that are the image still
    otherwise, last = ONE, []
    for node in graph.get_ordered_ops():
        kind = node.get_type_name()
        known = [gains.get(_key(value)) for value in node.input_values()]
        own = [gain for gain in known if gain is not None]
        if not own or kind == "Result":
            continue
        gain, shift = _gain_and_shift(node, known)
        found = _of_shift(shift / own[0])
        if found is not None:
            divided = of_gain(own[0])  # before: that tells more
            return found if divided is None else divided
        if gain is None:
            last += own
            continue
        element = node.get_output_element_type(0)
        if kind == "Convert" and element.is_integral() and gain < LARGEST_ROUNDED:
            if element in TOLD:
                return TOLD[element]
            otherwise = UNLESS_DIVIDED.get(element, EIGHT_BITS)
        if gain > 0:
            gains |= {_key(value): gain for value in node.outputs()}
    return next((found for found in map(of_gain, last) if found is not None), otherwise)


def _gain_and_shift(node: Any, known: Sequence[float | None]) -> tuple[float | None, float]:
    """What an image is multiplied by, once an operation has been applied to it, and what that adds;
    None where it is no image any more.

    Args:
        known: the gain of each of its inputs; None where that is no image any more.
    """
    kind = node.get_type_name()
    own = [gain for gain in known if gain is not None]
    if kind in SUMS and len(own) == 2:
        return (sum(own) if kind == "Add" else max(own)), 0
    if kind in graphs.ARITHMETIC and len(own) == 1:
        factor, shift = _factor_and_shift(node, known.index(own[0]))
        return (None if factor is None else own[0] * factor), shift
    if kind == "ReduceSum":
        return own[0] * _summed(node), 0
    return (max(own) if _leaves_range(node, known) else None), 0


def _summed(node: Any) -> int:
    """How many numbers of a pixel are added to one; at least 1."""
    shape, axes = node.input_value(0).get_partial_shape(), graphs.constant(node.input_value(1))
    lengths = [shape[int(axis)] for axis in np.atleast_1d(axes if axes is not None else [])]
    return int(np.prod([length.get_length() for length in lengths if length.is_static] or [1]))


def _leaves_range(node: Any, known: Sequence[float | None]) -> bool:
    """Whether an operation gives numbers in the range of those that it takes.

    Args:
        known: the gain of each of its inputs; None where that is no image any more.
    """
    kind = node.get_type_name()
    if kind == "Concat":  # as of one gray channel three
        return None not in known
    if kind in (*graphs.LIMITS, *MIXING):
        others = [port for port, gain in enumerate(known) if gain is None]
        values = [graphs.constant(node.input_value(port)) for port in others]
        told = all(value is not None for value in values)
        return told and (kind in graphs.LIMITS or _is_mean(node, values))
    return kind in graphs.MOVES | POOLING and known[0] is not None


def _is_mean(node: Any, weights: Sequence[np.ndarray | None]) -> bool:
    """Whether each number is a weighted mean of others, as gray is one of red, green and blue."""
    kernel = weights[0]
    if len(weights) != 1 or kernel is None or kernel.min() < 0:
        return False
    convolves = node.get_type_name() == "Convolution"  # (K, C, h, w)
    axis = -1 if convolves or node.get_attributes().get("transpose_b") else -2
    sums = kernel.reshape(len(kernel), -1).sum(-1) if convolves else kernel.sum(axis)
    return bool(np.allclose(sums, 1, rtol=0, atol=NEARLY_ONE))


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
