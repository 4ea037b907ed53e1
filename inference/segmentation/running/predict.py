"""From images to an answer, over tiles."""

import logging
import time
from collections.abc import Callable

import numpy as np

from ..answers import Answer, Prediction
from ..errors import OutOfMemory
from ..images import Images
from ..preprocessing import NOTHING
from .augment import augmented, held
from .deadline import Deadline
from .segmenter import Segmenter

logger = logging.getLogger(__name__)

LOG_SECONDS = 5.0  # between two lines about the progress of a long request

Progress = Callable[[int, int], None]


def predict(
    segmenter: Segmenter,
    images: Images,
    answer: Answer,
    augment: int = 1,
    progress: Progress | None = None,
    deadline: Deadline | None = None,
) -> Prediction:
    """Segment images of any size.

    Args:
        segmenter: the network, and how to run it.
        images: with as many channels as the network takes, their axes settled.
        answer: what to make of the probabilities of each tile.
        augment: 8 for the upper median over the flips and quarter turns of each tile (of two
            classes the median, of more the mean); 1 for the tile as it is.
        progress: is called with (tiles done, tiles in all) before the first batch and after each.
            Lines of the log tell of requests that take long.
        deadline: when it is given up; None: never.

    Returns:
        The values of all images, as ``answer`` makes them.

    Raises:
        ModelError: the network was not trained on intensities, and its spec does not say on what.
        OutOfMemory: there is not enough memory for this.
        PayloadTooLarge: it would take too long.
        OutOfTime: it took too long.
        ClientGone: nobody waits for it any more.
        ValueError: the answer is for another number of classes than the network gives.
    """
    if answer.classes != segmenter.network.classes:
        raise ValueError(
            f"{answer} is not for the {segmenter.network.classes} classes of the network"
        )
    try:
        return _predict(
            segmenter, images, answer, augment, _LogProgress(progress), deadline or Deadline()
        )
    except MemoryError as exc:
        count, height, width, _ = images.batch.shape
        raise OutOfMemory(
            f"{count} images of {height}×{width} need more memory than there is; send smaller "
            "ones, or set `tile_size` lower"
        ) from exc


def _predict(
    segmenter: Segmenter,
    images: Images,
    answer: Answer,
    augment: int,
    progress: Progress,
    deadline: Deadline,
) -> Prediction:
    network, plan = segmenter.network, segmenter.plan
    pixels = images.batch  # (N, H, W, C), as stored
    tiles = plan.tiles(*pixels.shape[:3])  # of all N images
    expected = augment * segmenter.budget.seconds(tiles)
    if not answer.of_network:
        return Prediction(answer.of_images(images), answer, images, len(tiles), expected)
    batches = list(plan.batches(tiles))  # n tiles each, all of h×w pixels
    # what a user's input_fn made for the network has been preprocessed there
    preprocessing = NOTHING if images.as_given else segmenter.preprocessing
    segmenter.budget.check(
        images,
        batches[0],
        answer,
        preprocessing.bytes_for(images),
        held(network.classes, augment),
    )
    deadline.check_estimate(expected)
    functions = preprocessing.fitted(images)
    images = images if images.as_given else images.noting(segmenter.remark)
    values, done = None, 0
    progress(done, len(tiles))
    for batch in batches:
        cuts = np.stack([tile.cut_from(pixels) for tile in batch])  # (n, h, w, C), as stored
        intensities = images.intensities(cuts)  # (n, h, w, C) float32, 0–1
        for index, tile in enumerate(batch):
            intensities[index] = functions[tile.image](intensities[index])
        probabilities = augmented(network, intensities, augment)  # (n, h, w, K) float32, 0–1
        parts = answer.of_tile(probabilities)  # (n, h, w, …) of the answer's type
        if values is None:
            values = np.empty((*pixels.shape[:3], *parts.shape[3:]), parts.dtype)  # (N, H, W, …)
        for tile, part in zip(batch, parts, strict=True):
            tile.keep_in(values, part)
        done += len(batch)
        progress(done, len(tiles))
        deadline.check(done, len(tiles))
    assert values is not None, "there is at least one image"
    # (N, H, W, …)
    return Prediction(answer.finished(values), answer, images, len(tiles), expected)


class _LogProgress:
    """Logs the tiles done of all, every few seconds; nothing for a request that is quick."""

    def __init__(self, beside: Progress | None = None) -> None:
        self._last = time.monotonic()
        self._beside = beside

    def __call__(self, done: int, total: int) -> None:
        if self._beside:
            self._beside(done, total)
        now = time.monotonic()
        if now - self._last >= LOG_SECONDS:
            self._last = now
            logger.info("%d of %d tiles done", done, total)
