"""Upsampling, found in a graph in whatever way it is written, and written in one.

Frameworks write nearest-neighbour upsampling in many ways: as an interpolation, or as tiling
between reshaping and transposing. All of them only move pixels. So whatever only moves pixels is
run on a tensor of numbers that are all different; where these come out repeated in height and
width, it is an upsampling.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset15 as ops

from . import graphs

# they change places of values, and nothing else; the values come in at the first input
MOVING = frozenset(
    ["Transpose", "Reshape", "Unsqueeze", "Squeeze", "Tile", "Broadcast", "Gather", "Interpolate"]
)
HEIGHT_AND_WIDTH = np.array([2, 3])
MAX_NUMBER = 2**24  # larger whole numbers are not all different in float32


@dataclass(frozen=True)
class Upsampling:
    """Some operations in a row that repeat pixels.

    Attributes:
        source, end: the names of the first operation's source, and of the last operation.
        port: which output of the source it is.
        factors: of height and width.
        channels_last: whether source and end have the axes (N, H, W, C).
    """

    source: str
    port: int
    end: str
    factors: tuple[int, int]
    channels_last: tuple[bool, bool]


def rewrite(model: ov.Model, shape: tuple[int, int, int, int]) -> None:
    """Write each upsampling as one operation, which ``factors`` knows again.

    Args:
        model: is changed; its operations have names of their own.
        shape: that the model takes, to look at it: every upsampled tensor should have two rows and
            columns at least.
    """
    for upsampling in find(model, shape):
        _write(model, upsampling)
    graphs.folded(model)


def find(model: ov.Model, shape: tuple[int, int, int, int]) -> list[Upsampling]:
    """The upsamplings of a model; the longest where one is part of another."""
    static = graphs.of_size(model, shape)
    found = []
    for chain in list(_chains(static)):
        parts = ((i, j) for n in range(len(chain), 0, -1) for i, j in _windows(len(chain), n))
        upsamplings = (_as_upsampling(chain[i:j]) for i, j in parts)
        first = next((upsampling for upsampling in upsamplings if upsampling), None)
        if first:
            found.append(first)
    return found


def _windows(length: int, size: int) -> Iterator[tuple[int, int]]:
    return ((start, start + size) for start in range(length - size + 1))


def _chains(model: ov.Model) -> Iterator[list[Any]]:
    """Operations that move values, each read by the next one alone; as long as can be."""
    for node in model.get_ordered_ops():
        if _moves(node) and not _only_reader_moves(node):
            chain = [node]
            while _moves(before := chain[0].input_value(0).get_node()) and _readers(before) == 1:
                chain.insert(0, before)
            yield chain


def _moves(node: Any) -> bool:
    if node.get_type_name() not in MOVING:
        return False
    return all(graphs.constant(value) is not None for value in node.input_values()[1:])


def _only_reader_moves(node: Any) -> bool:
    [*readers] = node.output(0).get_target_inputs()
    return len(readers) == 1 and readers[0].get_index() == 0 and _moves(readers[0].get_node())


def _readers(node: Any) -> int:
    return len(node.output(0).get_target_inputs())


def _as_upsampling(chain: list[Any]) -> Upsampling | None:
    """What operations in a row do, if they repeat pixels."""
    source, end = chain[0].input_value(0), chain[-1]
    shape, result = graphs.fixed_shape(source), graphs.fixed_shape(end.output(0))
    if len(shape) != 4 or len(result) != 4 or source.get_element_type() != ov.Type.f32:
        return None
    if np.prod(shape) >= MAX_NUMBER or np.prod(shape) >= np.prod(result):
        return None
    numbers = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    moved = _run_chain(chain, numbers)
    for before in (False, True):
        for after in (False, True):
            small, large = _channels_last(numbers, before), _channels_last(moved, after)
            factors = (large.shape[1] // small.shape[1], large.shape[2] // small.shape[2])
            if np.array_equal(small.repeat(factors[0], 1).repeat(factors[1], 2), large):
                node = source.get_node()
                return Upsampling(
                    node.get_friendly_name(),
                    source.get_index(),
                    end.get_friendly_name(),
                    factors,
                    (before, after),
                )
    return None


def _channels_last(values: np.ndarray, is_last: bool) -> np.ndarray:
    return values if is_last else values.transpose(graphs.TO_CHANNELS_LAST)


def _run_chain(chain: list[Any], numbers: np.ndarray) -> np.ndarray:
    source = chain[0].input_value(0)
    parameter = ops.parameter(numbers.shape, ov.Type.f32)
    chain[0].input(0).replace_source_output(parameter.output(0))
    try:
        part = ov.Model([chain[-1].output(0)], [parameter]).clone()
    finally:
        chain[0].input(0).replace_source_output(source)
    return ov.Core().compile_model(part, graphs.CPU, graphs.EXACT)(numbers)[0]


def _write(model: ov.Model, upsampling: Upsampling) -> None:
    nodes = {node.get_friendly_name(): node for node in model.get_ops()}
    end = nodes[upsampling.end].output(0)
    value = nodes[upsampling.source].output(upsampling.port)
    if upsampling.channels_last[0]:
        value = ops.transpose(value, np.array(graphs.TO_CHANNELS_FIRST)).output(0)
    value = ops.interpolate(
        value,
        np.array(upsampling.factors, np.float32),
        "nearest",
        "scales",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
        axes=HEIGHT_AND_WIDTH,
    ).output(0)
    if upsampling.channels_last[1]:
        value = ops.transpose(value, np.array(graphs.TO_CHANNELS_LAST)).output(0)
    graphs.replace(end, value)


def factors(node: Any) -> tuple[int, int] | None:
    """Of height and width, of an upsampling as ``rewrite`` writes it; None of anything else."""
    if node.get_type_name() != "Interpolate":
        return None
    attributes = node.get_attributes()
    if (attributes["mode"], attributes["nearest_mode"]) != ("nearest", "floor"):
        return None
    if attributes["coordinate_transformation_mode"] != "asymmetric":
        return None
    scales, axes = (graphs.constant(value) for value in node.input_values()[1:3])
    if attributes["shape_calculation_mode"] != "scales" or scales is None or axes is None:
        return None
    whole = scales.astype(int)
    if not (np.array_equal(axes, HEIGHT_AND_WIDTH) and np.array_equal(scales, whole)):
        return None
    return int(whole[0]), int(whole[1])
