"""What the numbers mean that a network takes and gives: as its spec says, or as its layers tell."""

import logging
from dataclasses import dataclass

import numpy as np

from ..errors import ModelError
from ..preprocessing import NOTHING, Preprocessing, ScaleLinear
from ..spec import ModelSpec
from .network import EIGHT_BITS, LINEAR, SIGMOID, SOFTMAX, Description, Network

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Meaning:
    """What is done around a network.

    Attributes:
        preprocessing: of intensities, before it.
        activation: "sigmoid" or "softmax", after it, where it gives logits; None: it gives
            probabilities.
    """

    preprocessing: Preprocessing = NOTHING
    activation: str | None = None


@dataclass(frozen=True)
class Activated(Description):
    """A network whose logits become probabilities; see ``network.Network``.

    Attributes:
        logits: the network.
        activation: "sigmoid" or "softmax".
    """

    logits: Network
    activation: str

    def run(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, h, w, C) -> float32 (N, h, w, K) probabilities, 0–1."""
        values = self.logits.run(images)
        return _sigmoid(values) if self.activation == SIGMOID else _softmax(values)

    def rest(self) -> None:
        """Give back the memory that runs took; the next one takes it again."""
        self.logits.rest()


def of(described: Description, spec: ModelSpec) -> Meaning:
    """What a spec says; where it says nothing, what the layers tell, which is then logged.

    Raises:
        ModelError: the spec is of another number of channels.
    """
    return Meaning(_preprocessing(described, spec), _activation(described, spec))


def _preprocessing(described: Description, spec: ModelSpec) -> Preprocessing:
    if spec.preprocessing is not None:
        _check_channels(spec.preprocessing, described)
        return spec.preprocessing
    if described.ends.largest != EIGHT_BITS:
        return NOTHING
    logger.warning(
        "%s takes intensities of 0–255, as its first layer tells, and is given these; "
        '"preprocessing": [] in model.json would give it 0–1',
        described.name,
    )
    return Preprocessing((ScaleLinear(gain=float(EIGHT_BITS)),))


def _check_channels(preprocessing: Preprocessing, described: Description) -> None:
    black = np.zeros((1, 2, 2, described.channels), np.float32)
    try:
        fits = preprocessing.of_intensities(black).shape == black.shape
    except ValueError:  # lists of different lengths
        fits = False
    if not fits:
        raise ModelError(
            f"model.json: preprocessing has another number of channels than {described.name}, "
            f"which takes {described.channels}; a list has a number for each"
        )


def _activation(described: Description, spec: ModelSpec) -> str | None:
    several = described.classes > 1
    if spec.postprocessing is not None:
        [chosen] = spec.postprocessing or (None,)
        return chosen
    if several and described.ends.activation == SIGMOID:
        logger.warning(
            "%s gives each class a probability of its own (sigmoid): masks hold the class of the "
            "largest one, background where that is the first; output=probability gives all",
            described.name,
        )
    if described.ends.activation != LINEAR:
        return None
    chosen = SOFTMAX if several else SIGMOID
    logger.warning(
        "%s ends without an activation, so that it is taken to give logits, and %s makes "
        'probabilities of them; "postprocessing": [] in model.json would take them as they are',
        described.name,
        chosen,
    )
    return chosen


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    """Of float32, without overflow."""
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, small) / (1 + small)


def _softmax(logits: np.ndarray) -> np.ndarray:
    """Of the last axis, without overflow."""
    values = np.exp(logits - logits.max(axis=-1, keepdims=True))
    values /= values.sum(axis=-1, keepdims=True)
    return values
