"""What a graph takes and gives, in the words of ``Network``; and the graph as engines want it."""

from typing import Any

import numpy as np
import openvino as ov
from openvino import opset15 as ops

from ...errors import ModelError
from ..network import Description, Ends, Geometry
from . import graphs
from .readers import shape_of
from .simplify import simplify

RULE = "a model has one input (N, H, W, C) and one output (N, H, W, K) of its height and width"

Shapes = list[tuple]


def check_shapes(inputs: Shapes, outputs: Shapes, name: str) -> None:
    """Refuse what is no model from images to images.

    Raises:
        ModelError: its inputs or outputs are unknown, several, or of other ranks.
    """
    if not inputs or not outputs:
        raise ModelError(f"{name} has unknown inputs and outputs; {RULE}")
    if len(inputs) != 1 or len(outputs) != 1 or {len(s) for s in (*inputs, *outputs)} != {4}:
        came = f"{name} takes {inputs} and gives {outputs}"
        raise ModelError(f"{came}; {RULE}; bring another in code/inference.py")


def of_shapes(
    shape: tuple, result: tuple, name: str, geometry: Geometry, ends: Ends
) -> Description:
    """Describe a network from (N, H, W, C) to (N, H, W, K).

    Raises:
        ModelError: its channels are free, or its output has another size than its input.
    """
    came = f"{name} takes {[shape]} and gives {[result]}"
    (batch, height, width, channels), (_, out_height, out_width, classes) = shape, result
    if channels is None or classes is None:
        raise ModelError(f"{came}; {RULE}, C and K fixed")
    for length, out_length in ((height, out_height), (width, out_width)):
        if length and out_length and length != out_length:
            raise ModelError(f"{came}; {RULE}; a mask has the image's size")
    return Description(name, channels, height, width, classes, batch, geometry, ends)


def with_our_axes(model: ov.Model, name: str) -> ov.Model:
    """A graph from float32 (N, H, W, C) to float32 (N, H, W, K).

    Networks of PyTorch have their channels first: they are told by a second axis of known length
    that is shorter than the last one, or is known where the last one is not.

    Raises:
        ModelError: as ``check_shapes``.
    """
    shapes = [shape_of(output) for output in (*model.inputs, *model.outputs)]
    check_shapes(shapes[: len(model.inputs)], shapes[len(model.inputs) :], name)
    model = model.clone()
    first = _channels_first(shapes[0])
    shape = ov.PartialShape([-1 if length is None else length for length in shapes[0]])
    if first:
        shape = ov.PartialShape([shape[i] for i in graphs.TO_CHANNELS_LAST])
    images = ops.parameter(shape, ov.Type.f32, "images")
    value: Any = images
    if first:
        value = ops.transpose(value, np.array(graphs.TO_CHANNELS_FIRST))
    wanted = model.input(0).get_element_type()
    if wanted.is_integral():  # else what is between two numbers would become the smaller one
        value = ops.round(value)
    if wanted != ov.Type.f32:
        value = ops.convert(value, wanted.get_type_name())
    graphs.replace(model.input(0), value.output(0))
    result: Any = model.output(0).get_node().input_value(0)
    if result.get_element_type() != ov.Type.f32:
        result = ops.convert(result, "f32").output(0)
    if first:
        result = ops.transpose(result, np.array(graphs.TO_CHANNELS_LAST)).output(0)
    changed = ov.Model([ops.result(result)], [images], name)
    graphs.name_uniquely(changed)
    graphs.folded(changed)
    simplify(changed)
    return changed


def _channels_first(shape: tuple[int | None, ...]) -> bool:
    _, second, _, last = shape
    if second is None:
        return False
    return last is None or second < last
