"""What frameworks write in a roundabout way, written directly, in place.

- All becomes float32, also where a network was trained in 16 bits: engines choose the precision.
- Several transpositions of one tensor, as before each convolution that reads it, become one.
- Padding that is called ``same`` becomes a number of pixels where it does not depend on the size.
  (OpenVINO's fusion of a border with the window after it loses ``same`` where sizes are free:
  tests/upstream/test_openvino.py.)
- TensorFlow writes a dilated convolution as one of small images that are cut out of the large one.
  Multi-scale context aggregation by dilated convolutions: https://arxiv.org/abs/1511.07122
"""

from typing import Any

import numpy as np
import openvino as ov
from openvino import opset15 as ops

from . import graphs

WINDOWS = frozenset(["Convolution", "GroupConvolution"])
POOLINGS = frozenset(["MaxPool", "AvgPool"])
SIDES = (512, 768)  # of an image on which borders are looked at, in pixels


def simplify(model: ov.Model) -> None:
    """Write a graph more directly.

    Args:
        model: from (N, H, W, C); is changed; its operations have names of their own.
    """
    _write_in_float32(model)
    _share_transpositions(model)
    _write_dilations(model)
    for node in model.get_ops():
        _write_padding(node)
    model.validate_nodes_and_infer_types()


def _write_in_float32(model: ov.Model) -> None:
    for node in model.get_ops():
        if node.get_type_name() == "Convert":
            if node.output(0).get_element_type() in graphs.ROUNDED:
                node.set_attribute("destination_type", "f32")
        elif node.get_type_name() == "Constant" and node.get_element_type() in graphs.ROUNDED:
            exact = ops.constant(node.get_data(dtype=np.float32))
            exact.set_friendly_name(node.get_friendly_name())
            graphs.replace(node.output(0), exact.output(0))
    model.validate_nodes_and_infer_types()
    graphs.folded(model)


def _share_transpositions(model: ov.Model) -> None:
    made: dict[tuple[str, int, tuple[int, ...]], Any] = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Transpose":
            continue
        order = graphs.constant(node.input_value(1))
        if order is not None:
            source = node.input_value(0)
            key = (source.get_node().get_friendly_name(), source.get_index(), tuple(order))
            first = made.setdefault(key, node)
            if first is not node:
                graphs.replace(node.output(0), first.output(0))


def _write_padding(node: Any) -> None:
    """Write its padding as numbers in place of a rule (auto_pad), where the stride is 1."""
    kind = node.get_type_name()
    if kind not in WINDOWS | POOLINGS:
        return
    attributes = node.get_attributes()
    padding = attributes["auto_pad"]
    if padding not in ("same_upper", "same_lower") or set(attributes["strides"]) != {1}:
        return
    weights = None if kind in POOLINGS else node.input_value(1).get_partial_shape()
    sizes = [int(weights[i].get_length()) for i in (-2, -1)] if weights else attributes["kernel"]
    dilations = attributes.get("dilations") or [1, 1]
    borders = [(size - 1) * rate for size, rate in zip(sizes, dilations, strict=True)]
    less, more = [border // 2 for border in borders], [-(-border // 2) for border in borders]
    before, after = (less, more) if padding == "same_upper" else (more, less)
    node.set_attribute("auto_pad", "explicit")
    node.set_attribute("pads_begin", before)
    node.set_attribute("pads_end", after)


def _write_dilations(model: ov.Model) -> None:
    """Each SpaceToBatch, convolution and BatchToSpace in a row."""
    nodes = {node.get_friendly_name(): node for node in model.get_ops()}
    rows = [row for node in nodes.values() if (row := _dilated(node))]
    if not rows:
        return
    batch, *sides, channels = model.input(0).get_partial_shape()
    height, width = (
        side.get_length() if side.is_static else length
        for side, length in zip(sides, SIDES, strict=True)
    )
    shape = (batch.get_length() if batch.is_static else 1, height, width, channels.get_length())
    try:
        static = graphs.of_size(model, shape)
    except RuntimeError:  # whatever it takes, it is not this size
        return
    fixed = {node.get_friendly_name(): node for node in static.get_ops()}
    for row in rows:
        borders = [fixed.get(node.get_friendly_name()) for node in (row[0], row[2])]
        if None not in borders:
            _write_dilation(row, *borders)


def _dilated(last: Any) -> tuple[Any, Any, Any] | None:
    """The three operations that a dilated convolution is written as, by the last one."""
    if last.get_type_name() != "BatchToSpace":
        return None
    window = last.input_value(0).get_node()
    if window.get_type_name() not in WINDOWS:
        return None
    first = window.input_value(0).get_node()
    if first.get_type_name() != "SpaceToBatch":
        return None
    attributes = window.get_attributes()
    if set(attributes["strides"]) | set(attributes["dilations"]) != {1}:
        return None
    if attributes["auto_pad"] != "valid" and any(
        (*attributes["pads_begin"], *attributes["pads_end"])
    ):
        return None
    return first, window, last


def _write_dilation(row: tuple[Any, Any, Any], first: Any, last: Any) -> None:
    """Args: first, last: SpaceToBatch and BatchToSpace as they are in one size."""
    known = (graphs.constant(value) for node in (first, last) for value in node.input_values()[1:])
    values = [value for value in known if value is not None and len(value) == 4]
    if len(values) != 6:
        return
    rates, before, after, same_rates, cut_before, cut_after = values
    begins, ends = before - cut_before, after - cut_after
    if not np.array_equal(rates, same_rates) or set(rates[:2]) != {1}:
        return
    if any((*begins[:2], *ends[:2])) or min((*begins, *ends)) < 0:
        return
    source, weights = row[0].input_value(0), row[1].input_value(1)
    make = ops.convolution if row[1].get_type_name() == "Convolution" else ops.group_convolution
    result = make(
        source, weights, [1, 1], begins[2:].tolist(), ends[2:].tolist(), rates[2:].tolist()
    )
    result.set_friendly_name(f"{row[2].get_friendly_name()}/dilated")
    graphs.replace(row[2].output(0), result.output(0))
