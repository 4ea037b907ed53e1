"""A graph as engines want it, and what it takes and gives in the words of ``Network``."""

from typing import Any

import numpy as np
import openvino as ov
from openvino import opset15 as ops

from ...errors import ModelError
from ..activations import SIGMOID
from ..form import OURS, PIXELS, Form
from ..network import Description, Ends, Geometry
from . import ends as last
from . import forms, graphs
from .ports import shape_of
from .simplify import simplify


def with_our_axes(model: ov.Model, form: Form, name: str) -> ov.Model:
    """A graph from float32 (N, H, W, C) to float32 (N, H, W, K).

    Args:
        model: with one input.
        form: of it.
        name: of the artifact.
    """
    changed = _rewritten(model, form, shape_of(model.input(0)))
    changed.set_friendly_name(name)
    graphs.name_uniquely(changed)
    graphs.folded(changed)
    simplify(changed)
    return changed


def of_graph(graph: ov.Model, name: str, geometry: Geometry, ends: Ends) -> Description:
    """Describe a graph from (N, H, W, C) to (N, H, W, K).

    Raises:
        ModelError: it is none, or C or K are free.
    """
    shapes = [shape_of(port) for port in (*graph.inputs, *graph.outputs)]
    if (len(graph.inputs), len(graph.outputs)) != (1, 1) or {len(s) for s in shapes} != {4}:
        raise ModelError(f"{name} is no graph from (N, H, W, C) to (N, H, W, K): {shapes}")
    (batch, height, width, channels), (*_, classes) = shapes
    if channels is None or classes is None:
        came = f"{name} takes {channels or 'any number of'} channels and gives {classes or 'any'}"
        raise ModelError(f"{came}; {forms.RULE}, and these numbers are fixed")
    return Description(name, channels, height, width, classes, batch, geometry, ends)


def _rewritten(model: ov.Model, form: Form, shape: forms.Shape) -> ov.Model:
    model = model.clone()
    lengths = dict(zip(form.taken, shape, strict=True))
    batch = lengths["b"] if form.batches else 1
    sides = [length and length - 2 * form.border for length in (lengths["y"], lengths["x"])]
    wanted = [batch, *sides, lengths.get("c", 1)]
    images = ops.parameter(
        ov.PartialShape([-1 if length is None else length for length in wanted]),
        ov.Type.f32,
        "images",
    )
    value: Any = images.output(0)
    if form.border:
        value = _mirrored(value, form.border)
    value = _own(value, form.taken)
    element = model.input(0).get_element_type()
    if element.is_integral():  # else what is between two numbers would become the smaller one
        value = ops.round(value).output(0)
    if element != ov.Type.f32:
        value = ops.convert(value, element.get_type_name()).output(0)
    graphs.replace(model.input(0), value)
    output = model.output(form.output)
    if form.activation:
        last.without_activation(output)
    result = output.get_node().input_value(0)
    if result.get_element_type() != ov.Type.f32:
        result = ops.convert(result, "f32").output(0)
    result = _enlarged(_ours(result, form, images.output(0)), form)
    return ov.Model([ops.result(result)], [images])


def _own(value: Any, taken: str) -> Any:
    """(N, H, W, C) in the axes that the model takes."""
    missing = [i for i, axis in enumerate(OURS) if axis not in taken]
    left = [axis for axis in OURS if axis in taken]
    if missing:
        value = ops.squeeze(value, np.array(missing)).output(0)
    return _transposed(value, [left.index(axis) for axis in taken])


def _transposed(value: Any, order: list[int]) -> Any:
    if order == sorted(order):
        return value
    return ops.transpose(value, np.array(order)).output(0)


def _ours(value: Any, form: Form, images: Any) -> Any:
    """The output as (N, h, w, K)."""
    axes = form.given
    if PIXELS in axes:
        at = axes.index(PIXELS)
        lengths = [ops.shape_of(value), ops.shape_of(images)]
        order = [(0, i) for i in range(at)] + [(1, 1), (1, 2)]
        order += [(0, i) for i in range(at + 1, len(axes))]
        zero = np.array(0)
        parts = [ops.gather(lengths[source], np.array([i]), zero) for source, i in order]
        value = ops.reshape(value, ops.concat(parts, 0), special_zero=False).output(0)
        axes = axes.replace(PIXELS, "yx")
    value = _transposed(value, [axes.index(axis) for axis in OURS if axis in axes])
    missing = [i for i, axis in enumerate(OURS) if axis not in axes]
    if missing:
        value = ops.unsqueeze(value, np.array(missing)).output(0)
    if form.cropped:
        start, stop = np.array([form.cropped] * 2), np.array([-form.cropped] * 2)
        value = ops.slice(value, start, stop, np.array([1, 1]), np.array([1, 2])).output(0)
    return value


def _enlarged(value: Any, form: Form) -> Any:
    """(N, h, w, K) in the size of the image; logits where an activation was, which then follows."""
    if form.factor > 1:
        value = ops.transpose(value, np.array(graphs.TO_CHANNELS_FIRST)).output(0)
        value = ops.interpolate(
            value,
            np.array([form.factor] * 2, np.float32),
            "nearest" if form.labels else "linear_onnx",
            "scales",
            coordinate_transformation_mode="asymmetric" if form.labels else "half_pixel",
            nearest_mode="floor",
            axes=np.array([2, 3]),
        ).output(0)
        value = ops.transpose(value, np.array(graphs.TO_CHANNELS_LAST)).output(0)
    if not form.activation:
        return value
    made = ops.sigmoid(value) if form.activation == SIGMOID else ops.softmax(value, -1)
    return made.output(0)


def _mirrored(value: Any, border: int) -> Any:
    """With so many pixels more around the image, reflected at its last ones, however far."""
    shape = ops.shape_of(value)
    one, two = np.array(1, np.int64), np.array(2, np.int64)
    for axis in (1, 2):
        length = ops.squeeze(ops.gather(shape, np.array([axis]), np.array(0)), np.array([0]))
        stop = ops.add(length, np.array(border, np.int64))
        places = ops.range(np.array(-border, np.int64), stop, one, "i64")
        period = ops.maximum(ops.multiply(ops.subtract(length, one), two), one)
        folded = ops.floor_mod(places, period)
        index = ops.minimum(folded, ops.subtract(period, folded))
        value = ops.gather(value, index, np.array(axis)).output(0)
    return value
