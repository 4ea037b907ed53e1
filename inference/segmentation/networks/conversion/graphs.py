"""What the other modules need of OpenVINO's graphs, beyond its own interface.

A graph is an ``openvino.Model``: operations (https://docs.openvino.ai/2026/documentation/
openvino-ir-format/operation-sets.html), each with inputs and outputs, from the parameters to the
results. Convolutions and poolings in it always have the axes (N, C, H, W).
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import openvino as ov
from openvino.passes import ConstantFolding, Manager

CPU = "CPU"
TO_CHANNELS_FIRST, TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)  # orders of four axes
# they move numbers and leave them as they are, but for rounding
MOVES = frozenset(
    """BatchToSpace Broadcast Convert DepthToSpace FakeQuantize Gather Interpolate Pad Reshape
    Reverse Round Slice SpaceToBatch SpaceToDepth Split Squeeze StridedSlice Tile Transpose
    Unsqueeze VariadicSplit""".split()
)
ARITHMETIC = {"Add", "Subtract", "Multiply", "Divide"}
LIMITS = {"Clamp", "Maximum", "Minimum", "Relu"}
ROUNDED = (ov.Type.f16, ov.Type.bf16)
# compared are values, so that nothing may be rounded
EXACT = {"INFERENCE_PRECISION_HINT": "f32"}


def name_uniquely(model: ov.Model) -> None:
    """Give each operation a name of its own, so that it is found again in a copy."""
    seen: Counter[str] = Counter()
    for operation in model.get_ops():
        name = operation.get_friendly_name()
        seen[name] += 1
        if seen[name] > 1:
            operation.set_friendly_name(f"{name}#{seen[name]}")


def of_size(model: ov.Model, shape: Sequence[int]) -> ov.Model:
    """A copy that takes one size only, with all that depends on the size computed.

    Raises:
        RuntimeError: its operations do not fit each other in that size.
    """
    copy = model.clone()
    copy.reshape(list(shape))
    folded(copy)
    return copy


def folded(model: ov.Model) -> None:
    """Compute, in place, what does not depend on the input."""
    manager = Manager()
    manager.register_pass(ConstantFolding())
    manager.run_passes(model)


def largest_tensor(model: ov.Model, shape: tuple[int, int, int, int]) -> int:
    """How many bytes the largest of its tensors has, for images of that shape.

    Raises:
        RuntimeError: its operations do not fit each other in that size.
    """
    copy = model.clone()
    copy.reshape(list(shape))
    sizes = [0]
    for node in copy.get_ops():
        for output in node.outputs():
            if output.get_partial_shape().is_static:
                numbers = math.prod(output.get_shape())
                sizes.append(numbers * output.get_element_type().size)
    return max(sizes)


def output_shapes(model: ov.Model, shape: tuple[int, ...]) -> list[tuple[int, ...]] | None:
    """The shapes of all outputs for an input of one; None where the graph does not take it."""
    copy = model.clone()
    try:
        copy.reshape(list(shape))
        folded(copy)
        if all(output.get_partial_shape().is_static for output in copy.outputs):
            return [tuple(output.get_shape()) for output in copy.outputs]
        element = model.input(0).get_element_type().to_dtype()
        results = ov.Core().compile_model(copy, CPU, EXACT)(np.zeros(shape, element))
    except RuntimeError:  # its operations do not fit each other in that size
        return None
    return [values.shape for values in results.values()]


def constant(output: Any) -> np.ndarray | None:
    """The values of an output that is the same for all images; None where it is not."""
    node = output.get_node()
    if node.get_type_name() == "Convert":  # as of weights that are stored in 16 bits
        stored = constant(node.input_value(0))
        kind = output.get_element_type()
        return None if stored is None or kind.is_integral() else stored.astype(kind.to_dtype())
    if node.get_type_name() in ("Reshape", "Unsqueeze", "Squeeze"):
        stored = constant(node.input_value(0))
        if stored is None or output.get_partial_shape().is_dynamic:
            return None
        return stored.reshape(fixed_shape(output))
    return node.get_data() if node.get_type_name() == "Constant" else None


def replace(old: Any, new: Any) -> None:
    """Give all that reads one output another one."""
    for reader in old.get_target_inputs():
        reader.replace_source_output(new)


def fixed_shape(output: Any) -> tuple[int, ...]:
    return tuple(output.get_shape())


def rounds(model: ov.Model) -> bool:
    """Whether it holds types of 16 bits."""
    outputs = (output for node in model.get_ops() for output in node.outputs())
    return any(output.get_element_type() in ROUNDED for output in outputs)


def quantizes(model: ov.Model) -> bool:
    """Whether it rounds to 8 bits within."""
    kinds = {node.get_type_name() for node in model.get_ops()}
    types = {output.get_element_type() for node in model.get_ops() for output in node.outputs()}
    return "FakeQuantize" in kinds or bool(types & {ov.Type.i8, ov.Type.u8})


def run(model: ov.Model, images: np.ndarray) -> np.ndarray:
    """Run a graph once, exactly, and compiled for any size as the one that serves is.

    Raises:
        RuntimeError: it does not take images of that shape.
    """
    return ov.Core().compile_model(model, CPU, EXACT)(images)[0]
