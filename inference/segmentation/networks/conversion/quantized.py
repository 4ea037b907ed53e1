"""Images and answers that are rounded to 8 or 16 bits: of what range of numbers.

OpenVINO's operation for it, FakeQuantize, takes numbers of one range and gives numbers of another.
Whoever quantizes a network shows it images, and the range of their numbers stands in it: of those
that it was trained on.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import openvino as ov

from ..network import EIGHT_BITS, ONE, SIXTEEN_BITS, UNTOLD, Ends, Seen
from . import graphs

KIND = "FakeQuantize"
TAKEN, GIVEN = (1, 2), (3, 4)  # its inputs: the least and the largest number
LEVELS_OF_EIGHT_BITS = 256
LEAST_NEGATIVE = 0.05  # of the range; less may be noise of an image of intensities
# what the largest number is at most, if white is 1 or 255; there may be some room above it
LARGEST = {ONE: 2.0, EIGHT_BITS: 300.0}
LEAST_OF_SIXTEEN_BITS = 32768.0  # images of 12 bits have less


def take_numbers(parameter: Any) -> bool:
    """Let a graph take the numbers that an input stands for, in place; False: it does not tell."""
    readers = list(_readers(parameter.output(0)))
    if any(node.get_type_name() != KIND for node in readers):
        return False
    for node in readers:
        _set_range(node, TAKEN, GIVEN)
    parameter.set_element_type(ov.Type.f32)
    return True


def give_numbers(output: Any) -> bool:
    """Let an output give the numbers that it stands for, in place; False: it does not tell."""
    value = output.get_node().input_value(0)
    while value.get_node().get_type_name() in graphs.MOVES:
        node = value.get_node()
        if node.get_type_name() == KIND:
            _set_range(node, GIVEN, TAKEN)
            return True
        if node.get_type_name() == "Convert":
            graphs.replace(value, node.input_value(0))
        value = node.input_value(0)
    return False


def _set_range(node: Any, to: tuple[int, int], of: tuple[int, int]) -> None:
    for one, other in zip(to, of, strict=True):
        node.input(one).replace_source_output(node.input_value(other))


def _readers(value: Any) -> Iterator[Any]:
    """The operations that compute with a value, past those that move it."""
    for reader in value.get_target_inputs():
        node = reader.get_node()
        if node.get_type_name() in graphs.MOVES and node.get_type_name() != KIND:
            for moved in node.outputs():
                yield from _readers(moved)
        else:
            yield node


def told(graph: ov.Model, known: Ends, asymmetric: bool) -> Ends:
    """With what the first operation of a graph tells, where it rounds the image.

    Args:
        known: of the graph.
        asymmetric: whether its ranges of 8 bits are those of the numbers, and not as far below 0 as
            above, whatever the numbers are.
    """
    rounding = next((n for n in _readers(graph.input(0)) if n.get_type_name() == KIND), None)
    if rounding is None:
        return known
    least, most = (graphs.constant(rounding.input_value(port)) for port in GIVEN)
    if least is None or most is None:
        return known
    low, high = float(least.min()), float(most.max())
    levels = rounding.get_attributes()["levels"]
    negative = low < -LEAST_NEGATIVE * (high - low)
    symmetric = abs(low + high) < 2 * (high - low) / levels
    by_rule = symmetric and (levels > LEVELS_OF_EIGHT_BITS or not asymmetric)
    if negative and not by_rule:
        return replace(known, seen=Seen((low + high) / 2, (high - low) / 4), quantized=True)
    fits = (white for white, most in LARGEST.items() if high <= most)
    sixteen = SIXTEEN_BITS if LEAST_OF_SIXTEEN_BITS <= high <= SIXTEEN_BITS + 1 else UNTOLD
    return replace(known, largest=next(fits, sixteen), quantized=not negative)
