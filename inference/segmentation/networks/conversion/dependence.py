"""Which input pixels an output pixel depends on, found by running a graph's shadow.

The shadow has the operations of the graph, but carries 0 or 1 in place of values: whether a value
depends on the input pixels that are set. What computes each pixel from the same one passes that on;
a convolution becomes a window of ones; what moves pixels stays as it is. Constants are left out:
they depend on nothing. Since all channels of a window's result depend on the same pixels, one
stands for all of them, so that a shadow costs next to nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset15 as ops

from . import graphs

# each value from those at the same place, whatever is computed of them
POINTWISE = frozenset(
    """Abs Add Acos Acosh And Asin Asinh Atan Atanh Ceiling Clamp Convert ConvertLike Cos Cosh
    Divide Elu Equal Erf Exp FakeQuantize Floor FloorMod Gelu Greater GreaterEqual HSigmoid HSwish
    HardSigmoid IsFinite IsInf IsNaN Less LessEqual Log LogicalAnd LogicalNot LogicalOr LogicalXor
    Maximum Minimum Mish Mod Multiply Negative NotEqual PRelu Power Relu Round Select Selu Sigmoid
    Sign Sin Sinh SoftPlus SoftSign Sqrt SquaredDifference Subtract Swish Tan Tanh""".split()
)
# they take values from other places, as they are
MOVING = frozenset(
    """BatchToSpace Broadcast DepthToSpace Gather Pad Reshape Reverse ShuffleChannels Slice
    SpaceToBatch SpaceToDepth Split Squeeze StridedSlice Tile Transpose Unsqueeze VariadicSplit
    """.split()
)
WINDOWS = frozenset(["Convolution", "GroupConvolution"])
TRANSPOSED = frozenset(["ConvolutionBackpropData", "GroupConvolutionBackpropData"])
POOLINGS = frozenset(["MaxPool", "AvgPool"])
REDUCING = frozenset(
    """ReduceL1 ReduceL2 ReduceLogicalAnd ReduceLogicalOr ReduceMax ReduceMean ReduceMin ReduceProd
    ReduceSum""".split()
)
CHANNEL = np.array([1])


class UnknownOperation(Exception):
    """What an operation reads is not known here, so that nothing is known of the graph."""


def shadow(static: ov.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Make a function from pixels that are set to those that depend on them.

    Args:
        static: a graph of one size; it is used up.

    Returns:
        A function from and to float32 arrays of the shapes of the graph's input and output; the
        output is larger than 0 where it depends on an input that is 1.

    Raises:
        UnknownOperation: the graph has one whose rule is not known here.
    """
    shapes = {
        _key(output): _shape(output) for node in static.get_ops() for output in node.outputs()
    }
    nodes = static.get_ordered_ops()
    parameter = ops.parameter(_shape(static.input(0)), ov.Type.f32)
    made: dict[tuple[str, int], Any] = {_key(static.input(0)): parameter.output(0)}
    for node in nodes:
        inputs = [made.get(_key(value)) for value in node.input_values()]
        if node.get_type_name() == "Result" or all(value is None for value in inputs):
            continue  # the latter depends on nothing
        for output, value in zip(node.outputs(), _passed_on(node, inputs, shapes), strict=True):
            made[_key(output)] = value
    result = made.get(_key(static.output(0).get_node().input_value(0)))
    if result is None:
        raise UnknownOperation("the output does not depend on the input")
    whole = ov.Model([_expanded(result, _shape(static.output(0)))], [parameter])
    compiled = ov.Core().compile_model(whole, graphs.CPU, graphs.EXACT)
    return lambda images: compiled(images)[0]


def _key(output: Any) -> tuple[str, int]:
    return output.get_node().get_friendly_name(), output.get_index()


def _shape(output: Any) -> tuple[int, ...]:
    if output.get_partial_shape().is_dynamic:
        raise UnknownOperation(f"{output.get_node().get_type_name()} gives any size")
    return tuple(output.get_shape())


def _passed_on(node: Any, inputs: Sequence[Any], shapes: dict) -> list[Any]:
    """What the outputs of an operation depend on.

    Args:
        inputs: of its shadow; None for those that depend on nothing. Each may have a length of 1
            along an axis in place of more that would all be the same.
    """
    kind = node.get_type_name()
    dependent = [value for value in inputs if value is not None]
    if kind in POINTWISE:
        return [_any_of(dependent)]
    if kind in MOVING or kind == "Interpolate":
        return _moved(node, inputs, shapes)
    if kind in WINDOWS:
        return [_window(node, _all_pixels(_any_channel(inputs[0]), node))]
    if kind in TRANSPOSED:
        return [_transposed(node, _all_pixels(_any_channel(inputs[0]), node))]
    if kind in POOLINGS:
        return [_pooled(node, _all_pixels(inputs[0], node))] * len(node.outputs())
    if kind == "Concat":
        return [_joined(node, inputs, shapes)]
    if kind == "MatMul":
        return [_multiplied(node, inputs)]
    if kind == "Einsum":
        return [_contracted(node, inputs)]
    axes = _axes_seen_whole(node)
    if axes is None or inputs[0] is None:
        raise UnknownOperation(f"{kind} is not known")
    keeps = node.get_attributes().get("keep_dims", True)
    return [ops.reduce_max(inputs[0], np.array(axes), keeps).output(0)] * len(node.outputs())


def _any_of(values: Sequence[Any]) -> Any:
    result, *others = values
    for other in others:
        result = ops.maximum(result, other).output(0)
    return result


def _any_channel(value: Any) -> Any:
    return ops.reduce_max(value, CHANNEL, True).output(0)


def _all_pixels(value: Any, node: Any) -> Any:
    """A value as large as what an operation slides its window over."""
    shape = tuple(value.get_shape())
    return _expanded(value, shape[:2] + _shape(node.input_value(0))[2:])


def _seen(value: Any) -> Any:
    return ops.sign(ops.abs(value)).output(0)


def _expanded(value: Any, shape: tuple[int, ...]) -> Any:
    if tuple(value.get_shape()) == shape:
        return value
    return ops.broadcast(value, np.array(shape)).output(0)


def _moved(node: Any, inputs: Sequence[Any], shapes: dict) -> list[Any]:
    """The operation itself, of all its values."""
    if inputs[0] is None or any(value is not None for value in inputs[1:]):
        raise UnknownOperation(f"{node.get_type_name()} depends on values")
    node.input(0).replace_source_output(_expanded(inputs[0], shapes[_key(node.input_value(0))]))
    node.constructor_validate_and_infer_types()  # the values are float32, whatever they were
    if node.get_type_name() == "Interpolate":
        return [_seen(node.output(0))]
    return list(node.outputs())


def _ones(node: Any) -> Any:
    """Weights of one channel, of the size of a window's."""
    size = tuple(node.input_value(1).get_shape())[-2:]
    return ops.constant(np.ones((1, 1, *size), np.float32))


def _window(node: Any, value: Any) -> Any:
    attributes = node.get_attributes()
    result = ops.convolution(
        value,
        _ones(node),
        list(attributes["strides"]),
        list(attributes["pads_begin"]),
        list(attributes["pads_end"]),
        list(attributes["dilations"]),
        attributes["auto_pad"],
    )
    return _seen(result.output(0))


def _transposed(node: Any, value: Any) -> Any:
    attributes = node.get_attributes()
    result = ops.convolution_backprop_data(
        value,
        _ones(node),
        list(attributes["strides"]),
        ops.constant(np.array(node.get_output_shape(0)[2:])),
        list(attributes["pads_begin"]),
        list(attributes["pads_end"]),
        list(attributes["dilations"]),
        attributes["auto_pad"],
        list(attributes["output_padding"]),
    )
    return _seen(result.output(0))


def _pooled(node: Any, value: Any) -> Any:
    attributes = node.get_attributes()
    result = ops.max_pool(
        value,
        list(attributes["strides"]),
        list(attributes.get("dilations", [1, 1])),
        list(attributes["pads_begin"]),
        list(attributes["pads_end"]),
        list(attributes["kernel"]),
        attributes["rounding_type"],
        attributes["auto_pad"],
    )
    return result.output(0)


def _joined(node: Any, inputs: Sequence[Any], shapes: dict) -> Any:
    values = []
    for given, shadowed in zip(node.input_values(), inputs, strict=True):
        nothing = ops.constant(np.zeros([1] * len(shapes[_key(given)]), np.float32)).output(0)
        values.append((nothing if shadowed is None else shadowed, shapes[_key(given)]))
    axis = node.get_attributes()["axis"] % len(values[0][1])
    if all(value.get_shape()[axis] == 1 for value, _ in values) and axis == 1:
        return _any_of([value for value, _ in values])  # all channels see what one of them sees
    return ops.concat([_expanded(value, shape) for value, shape in values], axis).output(0)


def _multiplied(node: Any, inputs: Sequence[Any]) -> Any:
    """Each row of the first matrix with each column of the second."""
    attributes = node.get_attributes()
    results = []
    for value, turned, contracted in zip(
        inputs, (attributes["transpose_a"], attributes["transpose_b"]), (-1, -2), strict=True
    ):
        if value is None:
            continue
        rank = len(value.get_shape())
        if rank < 2:
            raise UnknownOperation("MatMul of a vector is not known")
        if turned:
            order = [*range(rank - 2), rank - 1, rank - 2]
            value = ops.transpose(value, np.array(order)).output(0)
        results.append(ops.reduce_max(value, np.array([contracted]), True).output(0))
    return _any_of(results)


def _contracted(node: Any, inputs: Sequence[Any]) -> Any:
    """Each axis by its letter: those that are summed over are seen whole."""
    taken, _, given = node.get_attributes()["equation"].replace(" ", "").partition("->")
    results = []
    for letters, value in zip(taken.split(","), inputs, strict=True):
        if value is None:
            continue
        if not letters.isalpha() or len({*letters}) < len(letters) or not given.isalpha():
            raise UnknownOperation(f"Einsum of {letters} is not known")
        summed = [i for i, letter in enumerate(letters) if letter not in given]
        if summed:
            value = ops.reduce_max(value, np.array(summed), False).output(0)
        kept = [letter for letter in letters if letter in given]
        order = [kept.index(letter) for letter in given if letter in kept]
        value = ops.transpose(value, np.array(order)).output(0)
        missing = [i for i, letter in enumerate(given) if letter not in kept]
        results.append(ops.unsqueeze(value, np.array(missing)).output(0) if missing else value)
    return _any_of(results)


def _axes_seen_whole(node: Any) -> list[int] | None:
    """The axes along which an operation looks at everything; None where that is not known."""
    kind = node.get_type_name()
    rank = len(node.get_input_shape(0))
    if kind in ("Softmax", "LogSoftmax", "TopK"):
        return [node.get_attributes()["axis"] % rank]
    if kind in REDUCING or kind in ("MVN", "NormalizeL2", "CumSum", "LRN"):
        axes = graphs.constant(node.input_value(1))
        return None if axes is None else [int(axis) % rank for axis in np.atleast_1d(axes)]
    if kind == "GroupNormalization":
        return list(range(1, rank))
    return None
