"""The picture on which networks are compared before they serve, and how masks are compared."""

from collections.abc import Iterator

import numpy as np

from .network import Network, round_up

SIDE = 256


def picture(height: int, width: int, channels: int) -> np.ndarray:
    """A picture of cells: random points' nearest neighbourhoods, dark borders, noise.

    It is drawn up to SIDE, and mirrored beyond: the time grows with the square of its pixels.

    Returns:
        float32 (1, height, width, channels) intensities, always the same.
    """
    drawn = _cells(min(height, SIDE), min(width, SIDE))
    missing = [(0, height - drawn.shape[0]), (0, width - drawn.shape[1])]
    mirrored = np.pad(drawn, missing, mode="symmetric")  # (height, width)
    return np.repeat(mirrored[None, ..., None], channels, axis=-1)


def pictures(height: int, width: int, channels: int) -> Iterator[np.ndarray]:
    """The picture, and others like it: negative, darker, brighter, of less and of more contrast."""
    cells = picture(height, width, channels)
    yield cells
    yield 1 - cells
    for low, high in ((0, 0.3), (0.7, 1), (0.4, 0.6)):
        yield low + (high - low) * cells
    yield np.clip(3 * cells - 1, 0, 1)


def pictures_for(network: Network) -> Iterator[np.ndarray]:
    """Those of the size that a network takes; float32 (1, h, w, C) intensities."""
    free = round_up(SIDE, network.geometry.stride)
    return pictures(network.height or free, network.width or free, network.channels)


def has_several_classes(probabilities: np.ndarray, threshold: float) -> bool:
    """Whether more than one class occurs in the mask of (N, H, W, K) probabilities."""
    mask = _mask(probabilities, threshold)
    return bool((mask != mask.flat[0]).any())


def _cells(height: int, width: int) -> np.ndarray:
    """float32 (height, width) intensities."""
    rng = np.random.default_rng(0)
    points = rng.random((max(2, height * width // 1500), 2)) * (height, width)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    nearest = np.full((2, height, width), np.inf, np.float32)  # the distances to two points
    for row, column in points:
        distance = np.hypot(rows - row, columns - column)
        nearest[1] = np.minimum(nearest[1], np.maximum(nearest[0], distance))
        nearest[0] = np.minimum(nearest[0], distance)
    border = np.clip((nearest[1] - nearest[0]) / 6, 0, 1)  # 0 on a border, 1 inside
    image = 0.25 + 0.4 * border + rng.normal(0, 0.1, (height, width))
    return np.clip(image, 0, 1).astype(np.float32)


def agreement(one: np.ndarray, other: np.ndarray, threshold: float) -> float:
    """The share of pixels on which two networks give the same mask.

    Args:
        one, other: (N, H, W, K) probabilities.
        threshold: of the mask where K is 1.
    """
    return float(np.mean(_mask(one, threshold) == _mask(other, threshold)))


def _mask(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    if probabilities.shape[-1] > 1:
        return probabilities.argmax(axis=-1)
    return probabilities > threshold
