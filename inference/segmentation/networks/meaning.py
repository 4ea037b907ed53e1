"""What the numbers mean that a network takes and gives: as its spec says, or as its layers tell."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ModelError
from ..preprocessing import NOTHING, Preprocessing, ScaleLinear
from ..spec import ModelSpec
from . import trained
from .activations import FUNCTIONS, LINEAR, SIGMOID, SOFTMAX
from .network import ONE, UNTOLD, Around, Description, Network

logger = logging.getLogger(__name__)

NOT_SAID = (
    "is given intensities of 0–1, since nothing says what it was trained on; "
    '"preprocessing" in model.json does, [] where that is right'
)
REMARK = (
    "was given intensities of 0–1, and nothing says whether it was trained on these: if not, this "
    'answer is wrong; "preprocessing" in its model.json says it'
)


@dataclass(frozen=True)
class Meaning:
    """What is done around a network.

    Attributes:
        preprocessing: of intensities, before it.
        activation: "sigmoid" or "softmax", after it, where it gives logits; None: it gives
            probabilities.
        labels: how many classes it gives the indices of; None: it gives other numbers.
        bounds: what it gives for probabilities of 0 and 1, or for the first and the last class,
            where these are others.
        multilabel: whether its classes may overlap.
        classes_are_told: whether the spec or a layer says whether they do.
        assumed: what the spec does not say, and was taken for granted, a sentence each.
        remark: of these, what each answer is to say; "" where there is nothing.
    """

    preprocessing: Preprocessing = NOTHING
    activation: str | None = None
    labels: int | None = None
    bounds: tuple[float, float] | None = None
    multilabel: bool = False
    classes_are_told: bool = True
    assumed: tuple[str, ...] = ()
    remark: str = ""

    def around(self, network: Network, known: dict[str, Any]) -> Network:
        """What gives probabilities, of a network that may give logits, or indices of classes.

        Args:
            known: what is known of the network, by the names of ``Description``.
        """
        if self.bounds is not None:
            last = None if self.labels is None else self.labels - 1
            network = Unscaled(**known, network=network, bounds=self.bounds, last=last)
        if self.labels is not None:
            return OneOfClasses(**(known | {"classes": self.labels}), network=network)
        if self.activation is not None:
            return Activated(**known, network=network, activation=self.activation)
        return network


@dataclass(frozen=True)
class Activated(Around):
    """A network whose logits become probabilities.

    Attributes:
        activation: "sigmoid" or "softmax".
    """

    activation: str

    def run(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, h, w, C) -> float32 (N, h, w, K) probabilities, 0–1."""
        return FUNCTIONS[self.activation](self.network.run(images))


@dataclass(frozen=True)
class Unscaled(Around):
    """A network whose probabilities, or indices of classes, were scaled.

    Attributes:
        bounds: what it gives in place of 0 and of 1, or of the last index.
        last: that index; None: it gives probabilities.
    """

    bounds: tuple[float, float]
    last: int | None

    def run(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, h, w, C) -> float32 (N, h, w, K) probabilities, 0–1, or indices from 0."""
        low, high = self.bounds
        values = (self.network.run(images) - np.float32(low)) / np.float32(high - low)
        return values if self.last is None else np.rint(values * np.float32(self.last))


@dataclass(frozen=True)
class OneOfClasses(Around):
    """A network whose indices of classes become probabilities, 0 and 1."""

    def run(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, h, w, C) -> float32 (N, h, w, K) probabilities, 0 or 1.

        Raises:
            ModelError: the network gives other numbers than 0…K-1.
        """
        values = self.network.run(images)  # (N, h, w, 1)
        found = values == np.arange(self.classes, dtype=np.float32)
        if not found.any(axis=-1).all():
            raise ModelError(
                f"{self.name} gives {values.min():g} to {values.max():g}; the classes are 0 to "
                f'{self.classes - 1}, as many as "classes" in model.json has; name all of them'
            )
        return found.astype(np.float32)


def of(described: Description, spec: ModelSpec) -> Meaning:
    """What a spec says; where it says nothing, what the layers tell, which is then logged.

    Raises:
        ModelError: the spec is of another number of channels.
    """
    assumed: list[str] = []
    preprocessing = _preprocessing(described, spec, assumed)
    labels = _labels(described, spec)
    activation, multilabel = None, False
    if labels is None:
        activation = _activation(described, spec, assumed)
        multilabel = _multilabel(described, spec, activation, assumed)
    bounds = None if activation else _bounds(described, labels, assumed)
    for sentence in assumed:
        logger.warning("%s %s", described.name, sentence)
    last = activation or described.ends.activation
    told = labels is not None or spec.multilabel is not None or last in FUNCTIONS
    remark = f"{described.name} {REMARK}" if NOT_SAID in assumed else ""
    return Meaning(
        preprocessing, activation, labels, bounds, multilabel, told, tuple(assumed), remark
    )


def _labels(described: Description, spec: ModelSpec) -> int | None:
    """How many classes a network gives the indices of."""
    told = described.ends.labels
    if told is None:
        return None
    if described.classes != 1:
        raise ModelError(
            f"{described.name} gives {described.classes} whole numbers for each pixel; indices of "
            "classes are one for each; bring another model in code/inference.py"
        )
    if spec.postprocessing or spec.multilabel:
        raise ModelError(
            f"{described.name} gives indices of classes, which are no logits and do not overlap; "
            "leave postprocessing and multilabel out of model.json"
        )
    count = told or len(spec.class_names)
    if count < 2:
        raise ModelError(
            f"{described.name} gives whole numbers, indices of classes, and does not tell of how "
            'many; name them in model.json: "classes": [{"name": "background"}, …]'
        )
    return count


def _bounds(
    described: Description, labels: int | None, assumed: list[str]
) -> tuple[float, float] | None:
    bounds = described.ends.bounds
    if bounds is not None:
        low, high = bounds
        usual = "probabilities of 0–1" if labels is None else f"the classes 0–{labels - 1}"
        assumed.append(f"gives numbers of {low:g} to {high:g}, which are taken for {usual}")
    return bounds


def _multilabel(
    described: Description, spec: ModelSpec, activation: str | None, assumed: list[str]
) -> bool:
    if described.classes == 1:
        return False
    last = activation or described.ends.activation
    if spec.multilabel is not None:
        return spec.multilabel
    if last != SIGMOID:
        return False
    assumed.append(
        f"gives each of {described.classes} classes a probability of its own (sigmoid), so that "
        'they are taken to overlap: a mask has a plane for each; "multilabel": false in model.json '
        "would answer the likeliest class"
    )
    return True


def _preprocessing(described: Description, spec: ModelSpec, assumed: list[str]) -> Preprocessing:
    if spec.preprocessing is not None:
        _check_channels(spec.preprocessing, described)
        return spec.preprocessing
    if described.ends.seen:
        return trained.Unsettled(reason=trained.refusal(described))
    largest = described.ends.largest
    if largest == UNTOLD:
        return trained.Unsettled(reason=trained.refusal_of_large(described))
    if largest == ONE:
        said = described.ends.any_scale or described.ends.quantized
        assumed.extend([] if said else [NOT_SAID])
        return NOTHING
    how = "the range of its input" if described.ends.quantized else "its first layer"
    assumed.append(
        f"takes intensities of 0–{largest}, as {how} tells, and is given these; "
        '"preprocessing": [] in model.json would give it 0–1'
    )
    return Preprocessing((ScaleLinear(gain=float(largest)),))


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


def _activation(described: Description, spec: ModelSpec, assumed: list[str]) -> str | None:
    several = described.classes > 1
    if spec.postprocessing is not None:
        [chosen] = spec.postprocessing or (None,)
        if chosen == SOFTMAX and not several:
            raise ModelError(
                f"{described.name} gives one number for each pixel, of which softmax makes 1 "
                "everywhere; name sigmoid in postprocessing of model.json"
            )
        if chosen and described.ends.activation in FUNCTIONS:
            assumed.append(
                f"ends with {described.ends.activation}, and {chosen} of model.json is applied "
                'to what that gives, as it says; "postprocessing": [] takes it as it is'
            )
        return chosen
    if described.ends.activation != LINEAR:
        return None
    chosen = SOFTMAX if several and not spec.multilabel else SIGMOID
    assumed.append(
        f"ends without an activation, so that it is taken to give logits, and {chosen} makes "
        'probabilities of them; "postprocessing": [] in model.json would take them as they are'
    )
    return chosen
