"""Upsampling and the convolution after it, in one step.

A k×k window over pixels that were repeated s times reads few different ones. The two steps are a
transposed convolution of the small image with stride s, whose (k + s - 1)² weights are the sums of
those that would meet the same pixel: for 3×3 and doubling, 16 multiplications for four pixels in
place of 36. Of tensors that are joined at their channels, as by the skip connections of a U-Net, it
is the sum of a convolution of each.
Convolutions at low resolution in place of high: https://arxiv.org/abs/1609.07009
"""

from typing import Any

import numpy as np
import openvino as ov
from openvino import opset15 as ops

from . import graphs, upsampling

Pads = tuple[list[int], list[int]]  # before and after, of height and width


def fuse(model: ov.Model) -> int:
    """Fuse, in place, the convolutions that read upsamplings as ``upsampling.rewrite`` writes them.

    Returns:
        How many these are.
    """
    convolutions = [node for node in model.get_ordered_ops() if _is_plain(node)]
    return sum(map(_fuse, convolutions))


def _is_plain(node: Any) -> bool:
    """Whether it is a convolution of stride 1 with constant weights of more than one pixel."""
    if node.get_type_name() != "Convolution":
        return False
    weights = graphs.constant(node.input_value(1))
    attributes = node.get_attributes()
    return (
        weights is not None
        and weights.ndim == 4
        and max(weights.shape[2:]) > 1
        and set(attributes["strides"]) == set(attributes["dilations"]) == {1}
    )


def _fuse(convolution: Any) -> bool:
    """Fuse a convolution with the upsamplings that it reads; False where it reads none."""
    weights = convolution.input_value(1).get_node().get_data()  # (K, C, h, w)
    pads = _padding(convolution, weights.shape[2:])
    if any(
        pad >= size for sides in pads for pad, size in zip(sides, weights.shape[2:], strict=True)
    ):
        return False
    terms, others, first = [], [], 0
    parts = _parts(convolution.input_value(0))
    if any(part.get_partial_shape()[1].is_dynamic for part in parts):
        return False
    for part in parts:
        last = first + part.get_partial_shape()[1].get_length()
        factors = upsampling.factors(part.get_node())
        if factors:
            small = part.get_node().input_value(0)
            terms.append(_transposed(small, weights[:, first:last], factors, pads))
        else:
            others.append((part, weights[:, first:last]))
        first = last
    if not terms:
        return False
    if others:
        terms.append(_convolved(others, pads))
    total, *rest = terms
    for term in rest:
        total = ops.add(total, term)
    total.set_friendly_name(f"{convolution.get_friendly_name()}/fused")
    graphs.replace(convolution.output(0), total.output(0))
    return True


def _parts(value: Any) -> list[Any]:
    """The tensors that are joined at their channels; the value itself where it is not joined."""
    node = value.get_node()
    if node.get_type_name() != "Concat" or node.get_attributes()["axis"] not in (1, -3):
        return [value]
    parts = node.input_values()
    known = all(part.get_partial_shape()[1].is_static for part in parts)
    return list(parts) if known else [value]


def _transposed(small: Any, weights: np.ndarray, factors: tuple[int, int], pads: Pads) -> Any:
    kernel = weights.transpose(1, 0, 2, 3)  # (K, C, h, w) -> (C, K, h, w)
    for axis in (2, 3):
        kernel = _spread(kernel, axis, factors[axis - 2])
    begins, ends = (
        [size - 1 - pad for size, pad in zip(weights.shape[2:], sides, strict=True)]
        for sides in pads
    )
    kernel = ops.constant(np.ascontiguousarray(kernel))
    return ops.convolution_backprop_data(
        small, kernel, list(factors), pads_begin=begins, pads_end=ends
    )


def _convolved(parts: list[tuple[Any, np.ndarray]], pads: Pads) -> Any:
    values, weights = zip(*parts, strict=True)
    joined = values[0] if len(values) == 1 else ops.concat(list(values), 1)
    kernel = ops.constant(np.ascontiguousarray(np.concatenate(weights, axis=1)))
    return ops.convolution(joined, kernel, [1, 1], *pads, [1, 1])


def _padding(convolution: Any, sizes: tuple[int, ...]) -> Pads:
    """Before and after, of height and width; of ``same``, what a stride of 1 makes of it."""
    attributes = convolution.get_attributes()
    before, after = [(size - 1) // 2 for size in sizes], [size // 2 for size in sizes]
    by_kind = {"same_upper": (before, after), "same_lower": (after, before)}
    by_kind["valid"] = ([0, 0], [0, 0])
    given = (list(attributes["pads_begin"]), list(attributes["pads_end"]))
    return by_kind.get(attributes["auto_pad"], given)


def _spread(kernel: np.ndarray, axis: int, factor: int) -> np.ndarray:
    """Along one axis, the kernel of the transposed convolution.

    A weight at w meets the pixel whose first copy lies r before it, for each r below the factor:
    its place in the other kernel, which is turned round, is r + size - 1 - w.
    """
    size = kernel.shape[axis]
    shape = list(kernel.shape)
    shape[axis] = size + factor - 1
    spread = np.zeros(shape, kernel.dtype)
    turned = np.flip(kernel, axis)
    for shift in range(factor):
        part = [slice(None)] * kernel.ndim
        part[axis] = slice(shift, shift + size)
        spread[tuple(part)] += turned
    return spread
