"""The overlap-tile strategy of the U-Net paper (https://arxiv.org/abs/1505.04597, figure 2).

An image is extended by mirroring, cut into tiles that overlap, and of each tile's prediction only
the part that saw enough of its surroundings is kept.
"""

from dataclasses import dataclass

import numpy as np

from ..networks.network import round_up


@dataclass(frozen=True)
class Span:
    """One tile along one axis: where it lies in the image, and which part of it is kept.

    The tile covers ``start`` to ``start + length`` and may reach beyond the image's end; the image
    receives ``keep_start`` to ``keep_end``.
    """

    start: int
    keep_start: int
    keep_end: int

    @property
    def kept_in_tile(self) -> slice:
        return slice(self.keep_start - self.start, self.keep_end - self.start)

    @property
    def kept_in_image(self) -> slice:
        return slice(self.keep_start, self.keep_end)


def spans(length: int, tile: int, margin: int, stride: int = 1) -> list[Span]:
    """Cut one axis into tiles whose kept parts cover it exactly once.

    Args:
        length: of the image, at least 1.
        tile: length of a tile, a multiple of the stride.
        margin: what is not kept at those ends of a tile where another tile goes on.
        stride: of the network; tiles start at its multiples, so that they see the grid of its
            pooling where the whole image would.

    Raises:
        ValueError: the tile is too short for its margins.
    """
    if length <= tile:
        return [Span(0, 0, length)]
    step = (tile - 2 * margin) // stride * stride
    if step < 1:
        raise ValueError(f"a tile of {tile} cannot have margins of {margin} on both sides")
    # the last tile ends where the whole image, extended to a multiple of the stride, would end
    last = round_up(length, stride) - tile
    starts = [*range(0, last, step), last]
    ends = [start + tile - margin for start in starts[:-1]] + [length]
    return [
        Span(start, keep_start, keep_end)
        for start, keep_start, keep_end in zip(starts, [0, *ends], ends, strict=False)
    ]


def fitting_tile(length: int, largest: int, margin: int, stride: int = 1) -> int:
    """The smallest tile that cuts an axis into as few parts as the largest one does.

    An axis a little longer than a tile would otherwise be computed nearly twice.
    """
    rounded = round_up(length, stride)
    if rounded <= largest:
        return rounded
    count = len(spans(length, largest, margin, stride))
    tile = -(-(rounded + (count - 1) * 2 * margin) // (count * stride)) * stride
    while len(spans(length, tile, margin, stride)) > count:
        tile += stride
    return tile


def cut(image: np.ndarray, row: Span, column: Span, tile: tuple[int, int]) -> np.ndarray:
    """The (h, w, C) tile of an (H, W, C) image; what lies beyond its end is mirrored."""
    part = image[row.start : row.start + tile[0], column.start : column.start + tile[1]]
    missing = (tile[0] - part.shape[0], tile[1] - part.shape[1])
    if missing == (0, 0):
        return part
    rows = row.start + mirrored(np.arange(tile[0]), image.shape[0] - row.start)
    columns = column.start + mirrored(np.arange(tile[1]), image.shape[1] - column.start)
    return image[rows[:, None], columns]


def mirrored(index: np.ndarray, length: int) -> np.ndarray:
    """Indices beyond 0…length-1, brought back by reflection at the last pixel: 0 1 2 1 0 1 2 …

    Works for any distance and also for a length of 1, where it repeats the only pixel.
    """
    if length == 1:
        return np.zeros_like(index)
    period = 2 * (length - 1)
    folded = index % period
    return np.where(folded < length, folded, period - folded)
