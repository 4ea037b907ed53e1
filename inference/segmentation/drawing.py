"""Colours of classes, and outlines of masks."""

from collections.abc import Sequence

import numpy as np

# class 0 is background; Okabe and Ito's colours can be told apart by colour-blind people
COLORS = ("#000000", "#ffd400", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")


def outline(mask: np.ndarray) -> np.ndarray:
    """The pixels of a (H, W) mask that are not background and touch another value; bool (H, W)."""
    padded = np.pad(mask, 1, mode="edge")
    center = padded[1:-1, 1:-1]
    neighbours = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    edge = np.zeros(mask.shape, bool)
    for neighbour in neighbours:
        edge |= neighbour != center
    return edge & (mask > 0)


def class_colors(classes: np.ndarray, colors: Sequence[str]) -> np.ndarray:
    """The colours of class indices of any shape, as uint8 with a last axis of 3.

    Classes past the last colour take those of the foreground again, never that of the background.
    """
    foreground = colors[1:] or COLORS[1:]
    palette = np.array([_rgb(color) for color in (colors[0], *foreground)], np.uint8)
    index = classes.astype(np.intp)
    return palette[np.where(index == 0, 0, 1 + (index - 1) % len(foreground))]


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
