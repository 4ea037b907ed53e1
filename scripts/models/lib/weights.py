"""How much each pixel counts in the loss: more where a mistake joins two cells."""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import ndimage
from skimage.morphology import skeletonize


def between_cells(label: np.ndarray, height: float = 6, sigma: float = 5) -> np.ndarray:
    """Weights that make the network learn thin borders between cells.

    w = 1 + height * exp(-(d1 + d2)² / 2 sigma²) on background, with the distances to the nearest
    and to the second nearest cell: equation 2 of the U-Net paper, https://arxiv.org/abs/1505.04597.

    Args:
        label: (H, W), 0 on background.

    Returns:
        float32 (H, W), at least 1.
    """
    cells, _ = ndimage.label(label > 0)
    reach = int(5 * sigma)
    first = np.full(label.shape, 1e3, np.float32)
    second = first.copy()
    for number, box in enumerate(ndimage.find_objects(cells), start=1):
        near = tuple(slice(max(0, s.start - reach), s.stop + reach) for s in box)
        distance = ndimage.distance_transform_edt(cells[near] != number).astype(np.float32)
        second[near] = np.minimum(second[near], np.maximum(first[near], distance))
        first[near] = np.minimum(first[near], distance)
    bonus = height * np.exp(-((first + second) ** 2) / (2 * sigma**2))
    return (1 + bonus * (label == 0)).astype(np.float32)


def on_midlines(label: np.ndarray, height: float = 8, sigma: float = 1.5) -> np.ndarray:
    """Weights that keep borders whole, however thick: high on their middle lines.

    w = 1 + height * exp(-d² / 2 sigma²) on background, with the distance to its skeleton. A border
    that is drawn too thin still parts two cells, one with a gap does not; and where exactly it ends
    is the least certain part of a label. The idea, of skeletons in a loss, is that of clDice (Shit
    et al. 2021), https://arxiv.org/abs/2003.07311.

    Args:
        label: (H, W), 0 on background.

    Returns:
        float32 (H, W), at least 1.
    """
    lines = skeletonize(label == 0)
    if not lines.any():
        return np.ones(label.shape, np.float32)
    distance = ndimage.distance_transform_edt(~lines)
    bonus = height * np.exp(-(distance**2) / (2 * sigma**2))
    return (1 + bonus * (label == 0)).astype(np.float32)


WEIGHTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "between-cells": between_cells,
    "midlines": on_midlines,
    "thin-midlines": partial(on_midlines, height=20, sigma=1),
}
