"""Whether a network takes images of any size, and what of its graph may then be served."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import openvino as ov

from .. import probe
from ..network import EIGHT_BITS, SIXTEEN_BITS, Description, round_up
from . import geometry, graphs

Same = Callable[[np.ndarray, np.ndarray], bool]
Maker = Callable[[np.ndarray], np.ndarray]


def pictures(described: Description) -> list[np.ndarray]:
    """What a graph is compared on: cells in a usual size, and where it takes any, in an odd one.

    Returns:
        float32 (N, H, W, C) in the range that the network's first layer tells.
    """
    stride = described.geometry.stride
    free = round_up(probe.SIDE, stride)
    sizes = [(described.height or free, described.width or free)]
    if described.geometry.any_size:
        sizes.append((free - stride + 1, free + stride // 2 + 1))
    return [_picture(described, *size) for size in sizes]


def _picture(described: Description, height: int, width: int) -> np.ndarray:
    one = np.rint(probe.picture(height, width, described.channels) * EIGHT_BITS)  # as 8 bits
    one *= np.float32((described.ends.largest or SIXTEEN_BITS) / EIGHT_BITS)
    return np.repeat(one, described.batch or 1, axis=0)


def told(described: Description, graph: ov.Model, maker: Maker, same: Same) -> Description:
    """With ``any_size``, where the graph takes images of any size, and gives of an odd one what its
    maker gives.
    """
    if not geometry.takes_any_size(graph, described.geometry.stride):
        return described
    known = replace(described, geometry=replace(described.geometry, any_size=True))
    *_, odd = pictures(known)
    try:
        fits = same(graphs.run(graph, odd), maker(odd))
    except Exception:  # whatever either raises of a size that it does not take after all
        return described
    return known if fits else described
