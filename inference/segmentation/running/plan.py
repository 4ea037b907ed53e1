"""How images are cut into tiles for a network: sizes, overlaps, how many go through it together."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import SettingsError
from ..networks.network import Geometry, Network, round_up
from ..spec_entries import Sizes
from .tiling import Span, cut, fitting_tile, spans

TILE_SIZE = 1024
OVERLAP = (
    128  # where it is not known how far the network looks, and the least where it looks further
)
ANY = Sizes()
BATCH_PIXELS = 512**2  # what goes through the network together, unless a tile alone has more


@dataclass(frozen=True)
class Tile:
    """One tile of one image of a stack.

    Attributes:
        image: the index of the image.
        row, column: where it lies, and which part of it is kept.
        size: height and width.
    """

    image: int
    row: Span
    column: Span
    size: tuple[int, int]

    def cut_from(self, pixels: np.ndarray) -> np.ndarray:
        """(N, H, W, C) -> (h, w, C)."""
        return cut(pixels[self.image], self.row, self.column, self.size)

    def keep_in(self, values: np.ndarray, value: np.ndarray) -> None:
        """Put the part of ``value``, (h, w, …), that is kept into ``values``, (N, H, W, …)."""
        kept = value[self.row.kept_in_tile, self.column.kept_in_tile]
        values[self.image, self.row.kept_in_image, self.column.kept_in_image] = kept


@dataclass(frozen=True)
class Axis:
    """How one axis of an image is cut.

    Attributes:
        fixed: the length that the network takes; None: any multiple of ``stride``.
        largest: the largest length of a tile, in pixels.
        margin: what of a tile is not kept where another one goes on, in pixels.
        stride: tiles start and end at its multiples.
        least: the smallest length of a tile.
        any_size: whether an image in one piece may have any length from ``stride`` on.
    """

    fixed: int | None
    largest: int
    margin: int
    stride: int
    least: int = 0
    any_size: bool = False

    def tile(self, length: int) -> int:
        """The length of the tiles of an image: its own, rounded up, or of as few as can be."""
        if self.fixed:
            return self.fixed
        if self.any_size and round_up(length, self.stride) <= self.largest:
            return max(self.least, self.stride, length)
        return max(self.least, fitting_tile(length, self.largest, self.margin, self.stride))

    def spans(self, length: int) -> list[Span]:
        return spans(length, self.tile(length), self.margin, self.stride)


@dataclass(frozen=True)
class TilePlan:
    """How images of any size are cut.

    Attributes:
        rows, columns: the two axes.
        batch_size: tiles per call of the network; None: as many as have BATCH_PIXELS.
    """

    rows: Axis
    columns: Axis
    batch_size: int | None = None

    @classmethod
    def of(
        cls,
        network: Network,
        tile_size: int = TILE_SIZE,
        tile_overlap: int | None = None,
        batch_size: int | None = None,
        sizes: Sizes = ANY,
    ) -> "TilePlan":
        """The plan for a network.

        Args:
            tile_size: the largest side of an image that is run in one piece, and the largest side
                of a tile, in pixels; the network's own where its size is fixed.
            tile_overlap: how far neighbouring tiles reach into each other, in pixels; by default
                as far as ``default_overlap`` says, but at most half of a tile.
            batch_size: tiles per call of the network; its own where that is fixed.
            sizes: which the network's spec allows, and how much of a tile's edge it does not trust.

        Raises:
            SettingsError: the overlap leaves nothing of a tile.
        """
        rows, columns = (
            _axis(fixed, tile_size, tile_overlap, network.geometry, sizes)
            for fixed in (network.height, network.width)
        )
        if tile_overlap is not None:
            _check_overlap(tile_overlap, rows, columns)
        return cls(rows, columns, network.batch or batch_size)

    def tile(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the tiles of an image."""
        return self.rows.tile(height), self.columns.tile(width)

    def tiles(self, count: int, height: int, width: int) -> list[Tile]:
        """All tiles of so many images, image by image and row by row."""
        rows, columns = self.rows.spans(height), self.columns.spans(width)
        size = self.tile(height, width)
        return [
            Tile(image, row, column, size)
            for image in range(count)
            for row in rows
            for column in columns
        ]

    def batches(self, tiles: Sequence[Tile]) -> Iterator[Sequence[Tile]]:
        """The tiles, as many at a time as go through the network together."""
        height, width = tiles[0].size
        size = self.batch_size or max(1, BATCH_PIXELS // (height * width))
        for first in range(0, len(tiles), size):
            yield tiles[first : first + size]


def default_overlap(geometry: Geometry) -> int:
    """The overlap that hides the seams of tiles, in pixels.

    Twice the reach is exact. Networks that reach up to OVERLAP, such as the U-Net, use the far part
    of what they see so little that OVERLAP is as good; others do not: docs/decisions.md.
    """
    if geometry.reach is None:
        return OVERLAP
    if geometry.reach <= OVERLAP:
        return min(2 * geometry.reach, OVERLAP)
    return 2 * geometry.reach


def _axis(
    fixed: int | None, largest: int, overlap: int | None, geometry: Geometry, sizes: Sizes
) -> Axis:
    if not fixed and sizes.step == 0 and sizes.least % geometry.stride == 0:
        fixed = sizes.least or None
    # the tiles of a network of fixed size need not lie on its grid: no whole image ever would
    stride = 1 if fixed else math.lcm(geometry.stride, sizes.step or 1)
    least = 0 if fixed else round_up(sizes.least, stride)
    length = fixed or max(least, round_up(largest, stride))
    if overlap is None:
        half = max(default_overlap(geometry) // 2, sizes.halo)
        margin = max(0, min(half, (length - stride) // 4))
    else:
        margin = overlap // 2
    any_size = geometry.any_size and not sizes.step and not fixed
    return Axis(fixed, length, margin, stride, least, any_size)


def check_tile_size(tile_size: int, network: Network) -> None:
    """Refuse a tile size that the network does not take.

    Raises:
        SettingsError: its height or width is fixed, and another one.
    """
    for side in (network.height, network.width):
        if side and tile_size != side:
            raise SettingsError(
                f"`tile_size` is {tile_size}; {network.name} takes images of "
                f"{network.height or 'any'}×{network.width or 'any'} only; leave the setting out"
            )


def _check_overlap(overlap: int, rows: Axis, columns: Axis) -> None:
    most = min(axis.largest - axis.stride for axis in (rows, columns))
    if 2 * (overlap // 2) > most:
        raise SettingsError(
            f"`tile_overlap` is {overlap}, tiles are {rows.largest}×{columns.largest}; it must be "
            f"at most {most}; set it lower, or `tile_size` higher"
        )
