"""What a network says of the flips and quarter turns of images, which it need not treat alike.

Of one class the upper median counts: a pixel is of the class where at least half of the turns say
so, whatever the threshold is. A mean lies nearer to 0.5 than most of what it is made of, so that at
a threshold far from 0.5 a single turn can open a gap that the others do not see: docs/decisions.md
has what that costs. Of two classes the median counts, as then both add up to 1, and of more, where
no medians do, the mean.
"""

from collections.abc import Callable

import numpy as np

from ..networks.network import Network

MOST_FOR_MEDIAN = 2  # classes: the medians of two that add up to 1 do so, too

Turn = Callable[[np.ndarray], np.ndarray]


def augmented(network: Network, images: np.ndarray, augment: int) -> np.ndarray:
    """The probabilities of images; with ``augment=8`` what their flips and turns have in common.

    Args:
        images: float32 (N, h, w, C) intensities.
        augment: 1 for the images as they are; 8 for all flips and quarter turns, of which 4 are
            left where a fixed size that is not square forbids the turns.

    Returns:
        float32 (N, h, w, K) probabilities: of each pixel the upper median, of two classes the
        median, and of K > 2 classes the mean.
    """
    if augment == 1:
        return network.run(images)
    free = network.height is None and network.width is None
    symmetries = _symmetries(quarter_turns=free or images.shape[1] == images.shape[2])
    turned = (
        turn_back(network.run(np.ascontiguousarray(turn(images)))) for turn, turn_back in symmetries
    )
    shape = (*images.shape[:3], network.classes)
    if network.classes > MOST_FOR_MEDIAN:
        total = np.zeros(shape, np.float32)
        for probabilities in turned:
            total += probabilities
        return total / len(symmetries)
    every = np.empty((len(symmetries), *shape), np.float32)
    for kept, probabilities in zip(every, turned, strict=True):
        kept[...] = probabilities
    if network.classes == 1:
        upper = len(symmetries) // 2
        every.partition(upper, axis=0)
        return every[upper].copy()  # the others are freed
    return np.median(every, axis=0, overwrite_input=True)


def held(classes: int, augment: int) -> int:
    """How many float32 numbers ``augmented`` holds for each pixel while the network runs."""
    if augment == 1:
        return 0
    return classes * (augment if classes <= MOST_FOR_MEDIAN else 1)


def _symmetries(quarter_turns: bool) -> list[tuple[Turn, Turn]]:
    """The 8 flips and turns of (N, h, w, C), each with its inverse; 4 without quarter turns."""
    quarters = range(4) if quarter_turns else (0, 2)
    return [_symmetry(quarter, flip) for quarter in quarters for flip in (False, True)]


def _symmetry(quarters: int, flip: bool) -> tuple[Turn, Turn]:
    def turn(x: np.ndarray) -> np.ndarray:
        return np.rot90(x[:, :, ::-1] if flip else x, quarters, (1, 2))

    def turn_back(x: np.ndarray) -> np.ndarray:
        x = np.rot90(x, -quarters, (1, 2))
        return x[:, :, ::-1] if flip else x

    return turn, turn_back
