"""The outlines of components as polygons with holes, along the edges of the pixels.

Coordinates are those of corners: the pixel in row y and column x is the square from (x, y) to
(x + 1, y + 1). Whatever fills the polygons, by the centres of pixels, gets the components back to
the pixel.

Each component is one valid polygon, which QuPath, napari and Shapely read: where two parts of it
touch by a corner alone, which no valid polygon may, they are joined by a bridge, the corners of the
two background pixels cut off by BRIDGE.
"""

from dataclasses import dataclass

import numpy as np

from .components import weigh

BRIDGE = 0.1  # of a pixel; QuPath keeps two decimals
BYTES_PER_CORNER = 160  # while polygons are traced
STRIP_ROWS = 256

RIGHT, DOWN, LEFT, UP = range(4)  # outlines go clockwise as one sees it
STEPS = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])  # x, y of each direction


@dataclass(frozen=True, eq=False)
class _Corners:
    """All corners of all outlines, in the order of their components, rows and columns.

    Attributes:
        points: int32 (n, 2), x and y.
        labels: int32 (n,), of their components.
        comes, goes: int8 (n,), the directions of the outline before and after.
        bridges: bool (n,), whether another outline, or another part of this one, touches here.
    """

    points: np.ndarray
    labels: np.ndarray
    comes: np.ndarray
    goes: np.ndarray
    bridges: np.ndarray


def trace(labels: np.ndarray) -> list[list[np.ndarray]]:
    """The polygon of each component.

    Args:
        labels: int32 (H, W), as ``components.find`` numbers them.

    Returns:
        The rings of each, the outer one first, then its holes; a ring is (n, 2) x and y, int32, or
        float64 where it has a bridge, the last point the first again. Outer rings have a positive
        area, holes a negative one.

    Raises:
        OutOfMemory: the polygons need more than is left.
    """
    corners = _corners(labels)
    order, starts = _rings(_followers(corners))
    owners = corners.labels[order[starts[:-1]]] - 1
    bridged = np.zeros(len(owners), bool)
    if len(owners):
        bridged = np.logical_or.reduceat(corners.bridges[order], starts[:-1])
    points, starts = _points(corners, order, starts)
    polygons: list[list[np.ndarray]] = [[] for _ in range(int(labels.max(initial=0)))]
    for index, owner in enumerate(owners):
        ring = points[starts[index] : starts[index + 1]]
        polygons[owner].append(ring if bridged[index] else ring.astype(np.int32, copy=False))
    return polygons


def _corners(labels: np.ndarray) -> _Corners:
    """Look at all points where four pixels meet, a strip of rows at a time."""
    height, width = labels.shape
    found: list[tuple[np.ndarray, ...]] = []
    count = 0
    for top in range(0, height + 1, STRIP_ROWS):
        rows = labels[max(top - 1, 0) : top + STRIP_ROWS]  # those above and below the points
        halo = ((int(top == 0), int(top + STRIP_ROWS > height)), (1, 1))
        of_strip = _of_strip(np.pad(rows, halo), top * (width + 1))
        found += of_strip
        count += sum(len(kind[0]) for kind in of_strip)
        weigh(count, "corners of polygons", BYTES_PER_CORNER)
    places, owners, comes, goes, bridges = map(np.concatenate, zip(*found, strict=True))
    order = np.argsort(owners.astype(np.int64) * ((height + 1) * (width + 1)) + places)
    ys, xs = np.divmod(places[order], width + 1)
    points = np.stack([xs, ys], axis=1).astype(np.int32)
    return _Corners(points, owners[order], comes[order], goes[order], bridges[order])


def _of_strip(padded: np.ndarray, first: int) -> list[tuple[np.ndarray, ...]]:
    """Place, label, directions and bridge of each corner in a strip.

    Args:
        padded: (h + 1, W + 2) labels, those around h rows of W + 1 points.
        first: the place of the first point: its row times (W + 1), plus its column.
    """
    level = padded[:, 1:] == padded[:, :-1]
    upright = padded[1:] == padded[:-1]
    straight = (level[1:] & level[:-1]) | (upright[:, 1:] & upright[:, :-1])
    ys, xs = np.nonzero(~straight)
    places = ys * straight.shape[1] + xs + first
    # the pixels around each point, clockwise from the upper left one
    around = [padded[ys + dy, xs + dx] for dy, dx in ((0, 0), (0, 1), (1, 1), (1, 0))]
    found = []
    for turn, label in enumerate(around):
        # what an outline does that has only this pixel at its right
        comes, goes = (DOWN + turn) % 4, (LEFT + turn) % 4
        across = around[(turn + 2) % 4] == label
        one, other = around[turn - 1] == label, around[(turn + 1) % 4] == label
        for corner, before, after, bridge in (
            (~one & ~other & ~across, comes, goes, False),
            (~one & ~other & across, comes, _opposite(goes), True),  # on to the pixel across
            (one & other & ~across, goes, comes, False),
        ):
            at = np.flatnonzero(corner & (label > 0))
            directions = (np.full(len(at), value, np.int8) for value in (before, after))
            found.append((places[at], label[at], *directions, np.full(len(at), bridge)))
    return found


def _opposite(direction: int) -> int:
    return (direction + 2) % 4


def _followers(corners: _Corners) -> np.ndarray:
    """The corner that follows each one on its outline; intp (n,).

    An edge goes from a corner to the next one of its line at which an outline comes in the same
    direction: on each line, the first begins where the first ends, and so on.
    """
    columns, rows = corners.points.T
    by_column = np.lexsort([rows, columns, corners.labels])
    followers = np.empty(len(columns), np.intp)
    for direction in (RIGHT, LEFT):
        followers[corners.goes == direction] = np.flatnonzero(corners.comes == direction)
    for direction in (DOWN, UP):
        begins = by_column[corners.goes[by_column] == direction]
        followers[begins] = by_column[corners.comes[by_column] == direction]
    return followers


def _rings(followers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners along each ring, the first again at its end; where each ring begins, and the end.

    The corners are in order, and so the ring that begins first is the outer one of its component.
    """
    after, seen = followers.tolist(), bytearray(len(followers))
    order: list[int] = []
    starts = [0]
    for first in range(len(after)):
        if seen[first]:
            continue
        corner = first
        while not seen[corner]:
            seen[corner] = True
            order.append(corner)
            corner = after[corner]
        order.append(first)
        starts.append(len(order))
    return np.array(order, np.intp), np.array(starts, np.intp)


def _points(
    corners: _Corners, order: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The points along the rings, two of them at the end of a bridge; where each ring begins."""
    bridges = corners.bridges[order]
    points = corners.points[order]
    if not bridges.any():
        return points, starts
    twice = bridges.copy()
    twice[starts[1:] - 1] = False  # the end of a ring is its first point alone
    firsts = np.concatenate([[0], np.cumsum(1 + twice)])
    spread = np.repeat(points.astype(np.float64), 1 + twice, axis=0)
    spread[firsts[:-1][bridges]] -= BRIDGE * STEPS[corners.comes[order[bridges]]]
    spread[firsts[:-1][twice] + 1] += BRIDGE * STEPS[corners.goes[order[twice]]]
    return spread, firsts[starts]
