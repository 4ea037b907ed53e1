"""Crops for training: cut from sections, deformed, turned, and shown in another light."""

from typing import NamedTuple

import keras
import numpy as np
from scipy import ndimage

SYNTHETIC_SHARE = 0.25
GRID = 4  # control points of the elastic deformation, along each side


class Section(NamedTuple):
    """image uint8, label uint8 and weights float32 of the loss, all (H, W)."""

    image: np.ndarray
    label: np.ndarray
    weights: np.ndarray


def border_weights(label: np.ndarray, height: float = 6, sigma: float = 5) -> np.ndarray:
    """Weights of the loss that make the network learn thin borders between cells.

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


def entropy(sections: list[Section]) -> float:
    """The weighted loss of the best answer that is the same for every pixel."""
    weights = np.concatenate([section.weights.ravel() for section in sections])
    labels = np.concatenate([section.label.ravel() > 0 for section in sections])
    p = np.clip((weights * labels).sum() / weights.sum(), 1e-7, 1 - 1e-7)
    return float(weights.mean() * -(p * np.log(p) + (1 - p) * np.log(1 - p)))


class Crops(keras.utils.PyDataset):
    """Batches of random crops; the same seed gives the same ones, also in a resumed run.

    A batch is (images (B, S, S, 1) in 0–1, labels (B, S, S, 1) 0 or 1, weights (B, S, S)), float32.
    """

    def __init__(
        self, real: list, synthetic: list, steps: int, batch: int, side: int, seed: int
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=8)
        self._real, self._synthetic = real, synthetic
        self._steps, self._batch, self._side, self._seed = steps, batch, side, seed
        self.epoch = 0

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self._seed, self.epoch, index])
        crops = [self._crop(rng) for _ in range(self._batch)]
        images, labels, weights = (
            np.stack(part).astype(np.float32) for part in zip(*crops, strict=True)
        )
        return images[..., None], labels[..., None], weights

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def _crop(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        synthetic = self._synthetic and rng.random() < SYNTHETIC_SHARE
        pool = self._synthetic if synthetic else self._real
        section = pool[rng.integers(len(pool))]
        places = _places(rng, section.image.shape, self._side)
        parts = [
            ndimage.map_coordinates(plane, places, order=order, mode="mirror", output=np.float32)
            for plane, order in zip(section, (1, 0, 1), strict=True)
        ]
        image, label, weights = _turn(rng, parts)
        return _expose(rng, image / 255), label > 0, weights


def _places(rng: np.random.Generator, shape: tuple[int, ...], side: int) -> np.ndarray:
    """Where to look for each pixel of a crop: moved, turned, scaled and deformed; (2, S, S)."""
    controls = rng.normal(0, 1, (2, GRID, GRID))
    elastic = np.stack([ndimage.zoom(axis, side / GRID, order=3) for axis in controls])
    elastic *= rng.uniform(0, 9)  # pixels
    angle, scale = rng.uniform(-0.4, 0.4), np.exp(rng.normal(0, 0.12))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = [rng.uniform(side / 2 - 20, length - side / 2 + 20) for length in shape]
    grid = np.indices((side, side)) - side / 2
    return np.einsum("ij,jhw->ihw", turn, grid) + np.reshape(centre, (2, 1, 1)) + elastic


def _turn(rng: np.random.Generator, parts: list[np.ndarray]) -> list[np.ndarray]:
    """One of the eight flips and quarter turns, the same for all parts."""
    quarters, flip = int(rng.integers(4)), rng.random() < 0.5
    return [np.rot90(part.T if flip else part, quarters) for part in parts]


def _expose(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Another contrast, brightness, gamma, sharpness and noise; intensities stay in 0–1."""
    image = (image - 0.5) * np.exp(rng.normal(0, 0.15)) + 0.5 + rng.normal(0, 0.06)
    image = np.clip(image, 0, 1) ** np.exp(rng.normal(0, 0.2))
    if rng.random() < 0.3:
        image = ndimage.gaussian_filter(image, rng.uniform(0.3, 1))
    return np.clip(image + rng.normal(0, rng.uniform(0, 0.05), image.shape), 0, 1)
