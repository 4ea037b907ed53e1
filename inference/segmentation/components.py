"""Connected components: the single objects of a mask, numbered.

Pixels that touch, by an edge or by a corner, and have one value are one component, as they are by
default for scikit-image (``skimage.measure.label``) and ImageJ: objects that touch in the mask are
one. The numbers go from 1, without gaps, in the order in which the components begin, row by row.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from . import machine
from .errors import OutOfMemory

NEIGHBOURS = np.ones((3, 3), bool)  # by an edge or by a corner
STRIP_ROWS = 256  # what is counted at once: numpy counts in 64 bits


@dataclass(frozen=True, eq=False)
class Components:
    """The components of one plane.

    Attributes:
        labels: int32 (H, W); 0 is background, component n is n + 1.
        values: (n,) what the mask is at each of them.
        areas: int64 (n,) their pixels.
    """

    labels: np.ndarray
    values: np.ndarray
    areas: np.ndarray

    @property
    def count(self) -> int:
        return len(self.areas)

    @cached_property
    def boxes(self) -> np.ndarray:
        """int64 (n, 4): the first row and column of each, and those after its last."""
        return _boxes(self.labels, self.count)


def find(mask: np.ndarray, minimum: int = 1) -> Components:
    """The components of a mask, those of each value apart.

    Args:
        mask: (H, W) of whole numbers that are not negative; 0 is background.
        minimum: the least pixels of a component; smaller ones become background.
    """
    values, labels = _labelled(mask)
    areas = sums(labels, len(values))
    kept = areas >= minimum
    if not kept.all():
        numbers = np.concatenate([[0], np.where(kept, kept.cumsum(), 0)]).astype(np.int32)
        for top in range(0, len(labels), STRIP_ROWS):
            strip = labels[top : top + STRIP_ROWS]
            strip[:] = numbers[strip]
    return Components(labels, values[kept], areas[kept])


def sums(labels: np.ndarray, count: int, weights: np.ndarray | None = None) -> np.ndarray:
    """How many pixels each component has; with weights, what these add up to.

    Args:
        labels: (H, W), 0 to ``count``.
        count: of the components.
        weights: of each pixel, of any shape that can be broadcast to (H, W).

    Returns:
        (count,) int64, or float64 of weights.
    """
    total = np.zeros(count + 1, np.int64 if weights is None else np.float64)
    for top in range(0, len(labels), STRIP_ROWS):
        strip = labels[top : top + STRIP_ROWS]
        if weights is None:
            total += np.bincount(strip.ravel(), minlength=count + 1)
            continue
        rows = weights[top : top + STRIP_ROWS] if len(weights) > 1 else weights
        spread = np.broadcast_to(rows, strip.shape)
        total += np.bincount(strip.ravel(), spread.ravel(), minlength=count + 1)
    return total[1:]


def weigh(count: int, what: str, bytes_each: int) -> None:
    """Refuse what is made of components where it would not fit into the memory.

    Args:
        count: how many there are of it.
        what: it is, in the plural.
        bytes_each: what one takes.

    Raises:
        OutOfMemory: less is left than they need.
    """
    needed, left = bytes_each * count, machine.available_memory()
    if needed > left:
        raise OutOfMemory(
            f"this answer has {count:,} {what} or more, which need {needed >> 20:,} MB of memory; "
            f"{left >> 20:,} MB are left; drop small ones by minimum=20, or ask for output=labels"
        )


def _labelled(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The value of each component, and (H, W) int32 of their numbers."""
    from scipy import ndimage  # takes half a second, and few requests want it

    known = None
    if mask.dtype != np.uint8:
        known, mask = np.unique(mask, return_inverse=True)
        mask = mask.astype(np.int32) + (1 if known[0] else 0)
        known = known if not known[0] else np.concatenate([[0], known])
    places = ndimage.find_objects(mask)  # of each value; None where there is none
    present = [(value, place) for value, place in enumerate(places, start=1) if place]
    labels = np.zeros(mask.shape, np.int32)
    values: list[np.ndarray] = []
    count = 0
    for value, place in present:
        found = np.empty(mask[place].shape, np.int32) if count else labels[place]
        added = ndimage.label(mask[place] == value, NEIGHBOURS, output=found)
        if count:
            found[found > 0] += count
            labels[place] += found
        values.append(np.full(added, value))
        count += added
    of_each = np.concatenate(values) if values else np.zeros(0, np.int64)
    if len(present) > 1:
        of_each, labels = _in_order(of_each, labels)
    return (of_each if known is None else known[of_each]), labels


def _in_order(values: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Components that were numbered value by value, numbered in the order in which they begin."""
    order = np.argsort(_firsts(labels, len(values)))
    numbers = np.zeros(len(values) + 1, np.int32)
    numbers[order + 1] = np.arange(1, len(values) + 1)
    return values[order], numbers[labels]


def _firsts(labels: np.ndarray, count: int) -> np.ndarray:
    """int64 (n,): the first pixel of each component, counted row by row."""
    firsts = np.full(count + 1, labels.size, np.int64)
    for top in range(0, len(labels), STRIP_ROWS):
        strip = labels[top : top + STRIP_ROWS].ravel()
        begin = top * labels.shape[1]
        np.minimum.at(firsts, strip, np.arange(begin, begin + len(strip)))
    return firsts[1:]


def _boxes(labels: np.ndarray, count: int) -> np.ndarray:
    from scipy import ndimage

    places: list[Any] = ndimage.find_objects(labels, count)
    corners = [(y.start, x.start, y.stop, x.stop) for y, x in places]
    return np.array(corners, np.int64).reshape(count, 4)
