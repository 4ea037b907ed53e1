"""Whether a network gives the same of images in any scale, as one that standardises them itself."""

import numpy as np
import openvino as ov

from ..network import EIGHT_BITS
from . import graphs

LEAST_GAIN = 0.7  # of the last channel, in proportion to the first
OFFSET = 0.1  # in intensities
# of the second picture, in which an epsilon of what standardises weighs more
LOW_CONTRAST, DARK = 0.05, 0.1
VARIES = 0.01  # by how much the values for a picture differ, at least; else they tell nothing


def takes(graph: ov.Model, picture: np.ndarray, exact: np.ndarray, tolerance: float) -> bool:
    """Whether it gives the same of a picture of which each channel has another scale and offset.

    Args:
        graph: from float32 (N, H, W, C) to float32 (N, H, W, K).
        picture: that it takes.
        exact: what it gives for it.
        tolerance: by how much its values may differ.
    """
    if np.ptp(exact) < VARIES:
        return False
    faint = np.float32(DARK) + np.float32(LOW_CONTRAST) * picture
    pairs = ((picture, exact), (faint, graphs.run(graph, faint)))
    return all(_is_same(graph, one, given, tolerance) for one, given in pairs)


def _is_same(graph: ov.Model, picture: np.ndarray, given: np.ndarray, tolerance: float) -> bool:
    channels = picture.shape[-1]
    gains = np.linspace(EIGHT_BITS, LEAST_GAIN * EIGHT_BITS, channels, dtype=np.float32)
    other = graphs.run(graph, (picture + np.float32(OFFSET)) * gains)
    return other.shape == given.shape and bool(np.abs(other - given).max() <= tolerance)
