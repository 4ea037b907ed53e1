"""How far a network looks, read from its graph."""

import logging
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import openvino as ov

from ..network import Geometry, round_up
from . import dependence, graphs, ports

logger = logging.getLogger(__name__)

LARGEST_STRIDE = 256
LEAST_SIDE = 256  # smaller images may be too small for other reasons than the stride
MOST_SIZES = 16  # that are tried of those that leave something when divided by the stride
LONG_SIDE = 4096  # so long that a map tells its stride to less than a half
STRIP = 64  # the other side of images on which the reach is measured, in pixels
FIRST_LENGTH, LAST_LENGTH = 512, 4096  # of these images


def of_graph(model: ov.Model) -> Geometry:
    """The geometry of a graph from (N, H, W, C) to (N, H, W, K).

    The reach is unknown where an operation is, or where the network looks further than half of
    LAST_LENGTH; then ``everywhere`` tells which of the two.
    """
    batch, height, width, channels = ports.shape_of(model.input(0))
    assert channels, "it was looked at before"

    def shape(rows: int, columns: int) -> tuple[int, int, int, int]:
        return batch or 1, height or rows, width or columns, channels

    if height and width:
        stride, period = 1, _common(_coarseness(model, shape(height, width)))
    else:
        stride = period = _stride(model, shape)
    try:
        reaches = [_reach(model, shape, period, axis) for axis in (0, 1)]
        of_whole = not (height and width) and (
            _resizes_by_corners(model) or _knows_the_size(model, shape, stride)
        )
    except (dependence.UnknownOperation, RuntimeError) as exc:  # the latter of OpenVINO
        logger.warning("how far the network looks is not told: %s", exc)
        return Geometry(stride)
    if None in reaches:
        return Geometry(stride, None, everywhere=True)
    return Geometry(stride, max(reach for reach in reaches if reach is not None), of_whole)


def takes_any_size(model: ov.Model, stride: int) -> bool:
    """Whether a graph takes images of all sizes, and gives as many pixels.

    Args:
        stride: of it; the sizes that are tried leave all that can be left when divided by it.
    """
    batch, height, width, channels = ports.shape_of(model.input(0))
    if height or width or stride == 1:
        return False
    side = round_up(LEAST_SIDE, stride)
    step = max(1, stride // MOST_SIZES)
    return all(
        _gives_back(model, (batch or 1, side + more, side + stride - more, channels or 1))
        for more in range(1, stride, step)
    )


def _gives_back(model: ov.Model, size: tuple[int, int, int, int]) -> bool:
    """Whether it takes images of that size, and gives them in it."""
    try:
        copy = graphs.of_size(model, size)
    except RuntimeError:  # its operations do not fit each other
        return False
    return ports.shape_of(copy.output(0))[1:3] == size[1:3]


Shape = Callable[[int, int], tuple[int, int, int, int]]


def _stride(model: ov.Model, shape: Shape) -> int:
    accepted = next(
        (s for s in range(1, LARGEST_STRIDE) if _accepts(model, shape, s)), LARGEST_STRIDE
    )
    side = round_up(LONG_SIDE, accepted)
    small, large = (_lengths(model, shape(length, length)) for length in (side, 2 * side))
    # a map that has as many pixels whatever the image has, as one of means, is of no stride
    more = (large[name] - length for name, length in small.items() if name in large)
    strides = {round(side / pixels) for pixels in more if pixels > 0}
    return math.lcm(accepted, *(stride for stride in strides if stride))


def _accepts(model: ov.Model, shape: Shape, stride: int) -> bool:
    """Whether it takes multiples of the stride, and gives them back in that size."""
    factor = max(1, LEAST_SIDE // stride)
    for other in (factor | 1, (factor | 1) + 2):  # two in a row: no common multiple but 1
        if not _gives_back(model, shape(stride * other, stride * other)):
            return False
    return True


def _common(ratios: set[Fraction]) -> int:
    """After how many pixels all maps of a network begin anew."""
    return math.lcm(*(int(ratio) for ratio in ratios if ratio.denominator == 1))


def _lengths(model: ov.Model, shape: tuple[int, int, int, int]) -> dict[tuple[str, int], int]:
    """How many pixels the sides of each map have, wherever convolutions and poolings are."""
    try:
        static = graphs.of_size(model, shape)
    except RuntimeError:
        return {}
    found = {}
    for node in static.get_ops():
        if node.get_type_name() in dependence.WINDOWS | dependence.POOLINGS | dependence.TRANSPOSED:
            result = node.output(0).get_partial_shape()
            # (where pixels are moved to the batch, they are no coarser)
            if result.is_static and len(result) == 4 and result.to_shape()[0] == shape[0]:
                for axis in (2, 3):
                    found[node.get_friendly_name(), axis] = result.to_shape()[axis]
    return found


def _coarseness(model: ov.Model, shape: tuple[int, int, int, int]) -> set[Fraction]:
    """How many pixels of the image stand for one, wherever convolutions and poolings are; where
    they are of a single one, that is the whole image.
    """
    lengths = _lengths(model, shape).items()
    return {Fraction(shape[axis - 1], length) for (_, axis), length in lengths if length > 1}


def _resizes_by_corners(model: ov.Model) -> bool:
    """Whether corners stay where they are when it resizes, as PyTorch's align_corners has it. By
    how much other pixels move then depends on how large the whole image is.
    """
    return any(
        node.get_type_name() == "Interpolate"
        and node.get_attributes()["coordinate_transformation_mode"] == "align_corners"
        for node in model.get_ops()
    )


def _knows_the_size(model: ov.Model, shape: Shape, stride: int) -> bool:
    """Whether it makes all images one size within, or has a map that tells places in the image.

    Raises:
        RuntimeError: it does not take images of a size that is tried.
    """
    side = round_up(LEAST_SIDE, stride * 64) + stride
    larger = side + stride * 64
    made: list[tuple[dict[str, Any], set[str]]] = []
    for size in (side, larger):
        static = graphs.of_size(model, shape(size, size))
        resized = {
            node.get_friendly_name(): ports.shape_of(node.output(0))
            for node in static.get_ops()
            if node.get_type_name() == "Interpolate"
            and ports.shape_of(node.output(0)) != ports.shape_of(node.input(0))
        }
        places = {
            node.get_friendly_name()
            for node in static.get_ops()
            if node.get_type_name() == "Constant" and size in tuple(node.output(0).get_shape())
        }
        made.append((resized, places))
    (small, of_small), (large, of_large) = made
    return bool(of_small & of_large) or any(
        given == large.get(name) for name, given in small.items()
    )


def resizes(model: ov.Model, shape: Sequence[int | None]) -> bool:
    """Whether a graph of fixed size makes images smaller, or larger by no whole number.

    Args:
        shape: of its input; where a length is free, other sizes have told it.
    """
    if not shape or None in shape[1:]:
        return False
    static = graphs.of_size(model, [length or 1 for length in shape])
    for node in static.get_ops():
        if node.get_type_name() == "Interpolate":
            lengths = zip(
                ports.shape_of(node.output(0)), ports.shape_of(node.input(0)), strict=True
            )
            if any(given is None or not taken or given % taken for given, taken in lengths):
                return True
    return False


def _reach(model: ov.Model, shape: Shape, period: int, axis: int) -> int | None:
    """Along one axis, in pixels; None where it is longer than can be measured.

    Args:
        period: after so many pixels, what they see is as before.
    """
    length = round_up(FIRST_LENGTH, 2 * period)
    while length <= LAST_LENGTH:
        sides = (length, round_up(STRIP, period))
        size = shape(*(sides if axis == 0 else sides[::-1]))
        spread = dependence.shadow(graphs.of_size(model, size))
        actual = size[1 + axis]
        if actual != length:  # it is fixed: whatever it sees is within that
            middle = range(actual // 2, min(actual // 2 + period, actual))
            return max(_distance(spread, size, axis, at) for at in (0, *middle, actual - 1))
        first, most = length // 2, 0
        for at in range(first, first + period):
            most = max(most, _distance(spread, size, axis, at))
            if most >= first - period:
                break
        else:
            return most
        length *= 2
    return None


def _distance(spread: Callable[[np.ndarray], np.ndarray], size: Any, axis: int, at: int) -> int:
    """How far from a row or column of the input pixels lie that depend on it."""
    images = np.zeros(size, np.float32)
    images[(slice(None),) * (1 + axis) + (at,)] = 1
    depends = spread(images).any(axis=tuple(i for i in range(4) if i != 1 + axis))
    [places] = np.nonzero(depends)
    return int(np.abs(places - at).max()) if len(places) else 0
