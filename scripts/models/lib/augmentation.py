"""Crops for training: cut from sections, deformed, turned, and shown in another light."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from scipy import ndimage

SYNTHETIC_SHARE = 0.25
TAUGHT = 0.5  # share of the teacher's probabilities in the targets; the rest is the labels'
VIEWS = 2  # steps that learn from what the teacher has said of a batch
GRID = 4  # control points of the elastic deformation, along each side


# images, targets and weights
Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


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


class Plan(NamedTuple):
    """Of which crops an epoch is made.

    Attributes:
        steps: batches an epoch.
        batch: crops a batch.
        side: of a crop in pixels.
        seed: of all that is drawn.
    """

    steps: int
    batch: int
    side: int
    seed: int


class Crops(keras.utils.PyDataset):
    """Batches of random crops; the same seed gives the same ones, also in a resumed run.

    A batch is (images (B, S, S, 1), targets (B, S, S, 1), weights (B, S, S)), float32; images and
    targets in 0–1. The targets are the labels, 0 or 1, or where there is a teacher the mean of
    these and of its probabilities for the same crops. What it has said of a batch serves for VIEWS
    steps, in other turns: its own turns cost more than a step of training.

    Args:
        real, synthetic: sections; a crop in four is of the latter, if there are any.
        teacher: from images (B, S, S, 1) to probabilities (B, S, S, 1).
    """

    def __init__(
        self,
        real: list[Section],
        synthetic: list[Section],
        plan: Plan,
        teacher: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=8)
        self._real, self._synthetic, self._plan, self._teacher = real, synthetic, plan, teacher
        self._taught: tuple[tuple[int, int], Batch] | None = None
        self.epoch = 0

    def __len__(self) -> int:
        return self._plan.steps

    def __getitem__(self, index: int) -> Batch:
        rng = np.random.default_rng([self._plan.seed, self.epoch, index])
        if self._teacher is None:
            return self._drawn(rng)
        key = (self.epoch, index // VIEWS)
        if self._taught is None or self._taught[0] != key:
            images, labels, weights = self._drawn(np.random.default_rng([self._plan.seed, *key, 0]))
            targets = (1 - TAUGHT) * labels + TAUGHT * self._teacher(images)
            self._taught = (key, (images, targets, weights))
        return _turned(rng, self._taught[1])

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def _drawn(self, rng: np.random.Generator) -> Batch:
        crops = [self._crop(rng) for _ in range(self._plan.batch)]
        images, labels, weights = (
            np.stack(part).astype(np.float32) for part in zip(*crops, strict=True)
        )
        return images[..., None], labels[..., None], weights

    def _crop(self, rng: np.random.Generator) -> Batch:
        synthetic = self._synthetic and rng.random() < SYNTHETIC_SHARE
        pool = self._synthetic if synthetic else self._real
        return crop(rng, pool[rng.integers(len(pool))], self._plan.side)


def crop(rng: np.random.Generator, section: Section, side: int) -> Batch:
    """A crop of a section, deformed, turned, and in another light.

    Returns:
        image float32 in 0–1, label bool, and weights float32, all (S, S).
    """
    places = _places(rng, section.image.shape, side)
    parts = [
        ndimage.map_coordinates(plane, places, order=order, mode="mirror", output=np.float32)
        for plane, order in zip(section, (1, 0, 1), strict=True)
    ]
    image, label, weights = _turn(rng, parts)
    return _expose(rng, image / 255), label > 0, weights


def _turned(rng: np.random.Generator, batch: Batch) -> Batch:
    """Each crop of a batch in one of the eight flips and quarter turns."""
    crops = [_turn(rng, list(crop)) for crop in zip(*batch, strict=True)]
    images, targets, weights = (np.stack(part) for part in zip(*crops, strict=True))
    return images, targets, weights


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
    return [np.rot90(part.swapaxes(0, 1) if flip else part, quarters) for part in parts]


def _expose(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Another contrast, brightness, gamma, sharpness and noise; intensities stay in 0–1."""
    image = (image - 0.5) * np.exp(rng.normal(0, 0.15)) + 0.5 + rng.normal(0, 0.06)
    image = np.clip(image, 0, 1) ** np.exp(rng.normal(0, 0.2))
    if rng.random() < 0.3:
        image = ndimage.gaussian_filter(image, rng.uniform(0.3, 1))
    return np.clip(image + rng.normal(0, rng.uniform(0, 0.05), image.shape), 0, 1)
