"""Whether the values that a network gives are probabilities: tried once, and seen at each image."""

from typing import Any

import numpy as np

from ..errors import ModelError
from . import probe
from .activations import SIGMOID, SOFTMAX, probabilities
from .meaning import Meaning
from .network import Around, Ends, Network, try_out

REPEATS = 12  # a flip by chance is the same in one of 2,048
BY_CHANCE = 0.01  # what answers to one picture may differ by, on a GPU in 16 bits
SUM = 0.02  # how far from 1 the sum of the probabilities of all classes may be


def check(network: Network, ends: Ends, meaning: Meaning) -> None:
    """Refuse a network whose values are no probabilities, if its layers do not say that they are.

    Raises:
        ModelError: it fails, gives other values than 0–1, probabilities of several classes that may
            overlap or not, or the softmax of one class.
    """
    if ends.activation == SOFTMAX and network.classes == 1:
        raise ModelError(
            f"{network.name} ends with the softmax of one class, which is 1 for each pixel of "
            "every image; end it with a sigmoid, or say in model.json which output is meant"
        )
    if _is_told(ends, meaning):
        return
    picture = meaning.preprocessing.of_intensities(next(probe.pictures_for(network)))
    values = try_out(network, picture, "a picture of cells")
    values = probabilities(values, f"{network.name}, for a picture of cells,")
    if network.classes > 1 and not meaning.classes_are_told:
        sums = values.sum(axis=-1)
        if not np.allclose(sums, 1, atol=SUM):
            raise ModelError(
                f"{network.name} gives probabilities of {network.classes} classes whose sums are "
                f"{sums.min():.3g} to {sums.max():.3g}, so that they may overlap; say so in "
                'model.json: "multilabel": true, or false for the likeliest class'
            )


def check_repeats(network: Network, meaning: Meaning) -> None:
    """Refuse what answers by chance, as layers do that change images in training.

    Raises:
        ModelError: it gives something else for the same picture.
    """
    picture = meaning.preprocessing.of_intensities(next(probe.pictures_for(network)))
    given = [try_out(network, picture, "a picture of cells") for _ in range(REPEATS)]
    difference = float(np.ptp(given, axis=0).max())
    if difference > BY_CHANCE:
        raise ModelError(
            f"{network.name} gives something else for the same picture each time, by up to "
            f"{difference:.2g}; it was saved as for training, with random layers; save it without "
            "them, or bring the .keras that it was made of, where they are left out"
        )


def watched(network: Network, known: dict[str, Any], meaning: Meaning) -> Network:
    """A network that fails where it gives other values than probabilities, if it can give others.

    Args:
        known: what is known of it, by the names of ``Description``.
    """
    if _is_told(known["ends"], meaning):
        return network
    return Watched(**(known | {"classes": network.classes}), network=network)


def _is_told(ends: Ends, meaning: Meaning) -> bool:
    """Whether a network, as its numbers are taken, can give nothing but probabilities."""
    return bool(meaning.activation or meaning.labels or ends.activation in (SIGMOID, SOFTMAX))


class Watched(Around):
    """A network whose layers do not say that it gives probabilities."""

    def run(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, h, w, C) -> float32 (N, h, w, K) probabilities, 0–1.

        Raises:
            ModelError: the network gives other numbers for these images.
        """
        return probabilities(self.network.run(images), self.name)
