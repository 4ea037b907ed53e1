"""Synthetic sections: pictures like electron micrographs of nervous tissue, with exact labels.

Cells are the regions of a warped Voronoi diagram, bounded by dark membranes of varying width. Some
hold organelles, which are dark like membranes but belong to the cell. Blur and noise come on top.
"""

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

CELL, MEMBRANE = 255, 0  # the labels of the ISBI 2012 challenge
BORDER = 40  # cells begin this far outside of the picture
CANVAS = 512  # smaller pictures are cut from one of this side, so that cells have one size
CANDIDATES_PER_PIXEL = 6000 / CANVAS**2  # of cell centres


def section(seed: int, size: tuple[int, int] = (512, 512)) -> tuple[np.ndarray, np.ndarray]:
    """Make one section.

    Args:
        seed: the same seed gives the same section.
        size: height and width in pixels.

    Returns:
        image, uint8 (H, W), and label, uint8 (H, W): 255 inside a cell, 0 on a membrane.
    """
    image, label = _draw(np.random.default_rng(seed), (max(CANVAS, size[0]), max(CANVAS, size[1])))
    return image[: size[0], : size[1]], label[: size[0], : size[1]]


def _draw(rng: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    centres = _centres(rng, size)
    warp = [7 * _smooth(rng, size, 16) + 1.5 * _smooth(rng, size, 5) for _ in range(2)]
    cell, distance = _cells(centres, warp)
    half_width = np.clip(2.9 + 0.45 * _smooth(rng, size, 20), 1.8, 4.5)
    label = np.where(distance < half_width, MEMBRANE, CELL).astype(np.uint8)
    image = _paint_cells(rng, cell, len(centres), size)
    depth = np.clip(95 + 22 * _smooth(rng, size, 12), 25, 140)
    image -= depth * np.exp(-((distance / (half_width * 0.95)) ** 2))
    room = ndimage.distance_transform_edt(label == CELL)
    _paint_organelles(rng, image, room, warp)
    _paint_granules(rng, image, room)
    return _expose(rng, image), label


def _smooth(rng: np.random.Generator, size: tuple[int, int], sigma: float) -> np.ndarray:
    """Noise of unit variance whose features are sigma pixels wide."""
    noise = ndimage.gaussian_filter(rng.standard_normal(size), sigma, mode="wrap")
    return noise / noise.std()


def _centres(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """(K, 2) centres of cells, kept apart by distances that vary over the picture."""
    crowding = _smooth(rng, size, 50)
    count = int(CANDIDATES_PER_PIXEL * size[0] * size[1])
    points = rng.uniform(-BORDER, [size[0] + BORDER, size[1] + BORDER], (count, 2))
    nearest = np.clip(points.astype(int), 0, [size[0] - 1, size[1] - 1])
    radii = np.exp(0.45 * crowding[nearest[:, 0], nearest[:, 1]]) * 34 + 8 * rng.random(count)
    kept: list[int] = []
    for index in range(count):
        apart = ((points[kept] - points[index]) ** 2).sum(axis=1)
        if np.all(apart > (0.5 * (radii[index] + radii[kept])) ** 2):
            kept.append(index)
    return points[kept]


def _cells(centres: np.ndarray, warp: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Of each pixel: the cell it is in, and its distance to the next cell; both (H, W)."""
    places = np.moveaxis(np.indices(warp[0].shape) + warp, 0, -1)  # (2, H, W) -> (H, W, 2)
    to_centres, indices = cKDTree(centres).query(places, k=2)
    between = np.linalg.norm(centres[indices[..., 0]] - centres[indices[..., 1]], axis=-1)
    distance = (to_centres[..., 1] ** 2 - to_centres[..., 0] ** 2) / (2 * between)
    return indices[..., 0], distance


def _paint_cells(
    rng: np.random.Generator, cell: np.ndarray, count: int, size: tuple[int, int]
) -> np.ndarray:
    tones = rng.normal(165, 14, count)
    return tones[cell] + 8 * _smooth(rng, size, 2.0) + 6 * _smooth(rng, size, 8)


def _paint_organelles(
    rng: np.random.Generator, image: np.ndarray, room: np.ndarray, warp: list[np.ndarray]
) -> None:
    """Mitochondria, gray with a dark rim and cristae, and vesicles, dark rings."""
    height, width = image.shape
    rows, columns = np.mgrid[:height, :width].astype(float)
    for _ in range(height * width // 3500):
        row, column = rng.integers(0, height), rng.integers(0, width)
        radius = min(room[row, column] * 0.75, rng.uniform(5, 20))
        if radius < 4:
            continue
        angle, slenderness = rng.uniform(0, np.pi), rng.uniform(1, 1.8)
        down, right = rows - row, columns - column
        along = np.cos(angle) * down + np.sin(angle) * right
        across = (np.cos(angle) * right - np.sin(angle) * down) * slenderness
        from_centre = np.hypot(along, across) + 0.13 * warp[1]
        if radius > 7 and rng.random() < 0.7:
            body = 1 / (1 + np.exp(np.clip((from_centre - radius) / 0.8, -50, 50)))
            image -= body * (35 + 18 * np.sin(along / 1.6 + warp[0] / 3))
            image -= 40 * np.exp(-(((from_centre - radius) / 1.3) ** 2))
        else:
            ring = min(radius, rng.uniform(3, 5))
            image -= 45 * np.exp(-(((from_centre - ring) / 1.2) ** 2))


def _paint_granules(rng: np.random.Generator, image: np.ndarray, room: np.ndarray) -> None:
    height, width = image.shape
    for _ in range(height * width // 2500):
        row, column = rng.integers(2, height - 2), rng.integers(2, width - 2)
        if room[row, column] > 3:
            top, left = max(0, row - 6), max(0, column - 6)
            patch = image[top : row + 7, left : column + 7]
            rows, columns = np.indices(patch.shape)
            squared = (rows + top - row) ** 2 + (columns + left - column) ** 2
            darkness, radius = rng.uniform(20, 60), rng.uniform(0.8, 1.6)
            patch -= darkness * np.exp(-squared / (2 * radius**2))


def _expose(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Blur, uneven light, contrast and noise; uint8."""
    size = image.shape
    image = ndimage.gaussian_filter(image, rng.uniform(0.7, 1.2)) + 10 * _smooth(rng, size, 60)
    image = 128 + (image - image.mean()) * rng.uniform(0.9, 1.15)
    image += rng.normal(0, rng.uniform(8, 16), size) + 5 * _smooth(rng, size, 0.8)
    return np.clip(image, 0, 255).astype(np.uint8)
