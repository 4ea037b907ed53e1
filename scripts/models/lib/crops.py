"""What a network is trained on: batches of crops, and what they should become."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np

from models.lib.augmentation import Augmenter, Batch, Section

SYNTHETIC_SHARE = 0.25
TAUGHT = 0.5  # share of the teacher's probabilities in the targets; the rest is the labels'


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
    these and of its probabilities for the same crops.

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
        self._augmenter = Augmenter(real + synthetic)
        self._counts = len(real), len(synthetic)
        self._plan, self._teacher = plan, teacher
        self.epoch = 0

    def __len__(self) -> int:
        return self._plan.steps

    def __getitem__(self, index: int) -> Batch:
        rng = np.random.default_rng([self._plan.seed, self.epoch, index])
        images, targets, weights = self._augmenter(rng, self._drawn(rng), self._plan.side)
        if self._teacher:
            targets = (1 - TAUGHT) * targets + TAUGHT * self._teacher(images)
        return images, targets, weights

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def _drawn(self, rng: np.random.Generator) -> np.ndarray:
        """(B,) numbers of the sections that the crops are cut from."""
        (real, synthetic), count = self._counts, self._plan.batch
        made = rng.random(count) < (SYNTHETIC_SHARE if synthetic else 0)
        numbers = rng.integers(real, size=count), real + rng.integers(max(1, synthetic), size=count)
        return np.where(made, numbers[1], numbers[0])
