"""Why a network that was not trained on intensities is refused, and the remedy."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ModelError
from ..images import Images
from ..preprocessing import Function, Preprocessing
from .network import EIGHT_BITS, ONE, SIXTEEN_BITS, Description, Seen

Steps = list[dict[str, Any]]

LARGEST_OF_STANDARDISED = 4.0  # size of numbers, as of ``_size``
LARGEST_OF_EIGHT_BITS = 600.0  # the same, with room for what is estimated
TWELVE_BITS = 2**12 - 1
USUAL_DEVIATION = 0.8  # images of −1…1 have less, and standardised ones 1

INTENSITIES: Steps = []
SIGNED: Steps = [{"id": "scale_linear", "kwargs": {"gain": 2, "offset": -1}}]
STANDARDISED: Steps = [{"id": "zero_mean_unit_variance"}]
COLORS = "RGB"
IMAGENET: Steps = [
    {
        "id": "fixed_zero_mean_unit_variance",
        "kwargs": {"mean": [0.485, 0.456, 0.4060], "std": [0.229, 0.224, 0.225]},
    }
]


@dataclass(frozen=True)
class Unsettled(Preprocessing):
    """Refuses images: the network was not trained on intensities, and its spec says not on what.

    Attributes:
        reason: why nothing is done, with the remedy.
    """

    reason: str = ""

    def fitted(self, images: Images) -> list[Function]:
        """Refuses: a network that is given something else answers nonsense.

        Raises:
            ModelError: always.
        """
        raise ModelError(self.reason)

    def of_intensities(self, pictures: np.ndarray) -> np.ndarray:
        """As they are: what a network is tried out with need not be what it was trained on."""
        return pictures


def _usual(largest: int) -> str:
    steps = INTENSITIES if largest == ONE else _multiplied(largest)
    return f'"preprocessing": {json.dumps(steps)}'


def refusal(described: Description) -> str:
    """Why a network is not given intensities, in a sentence with the remedy."""
    seen, largest = described.ends.seen, described.ends.largest
    assert seen, "it was told"
    lines = " or ".join(
        f'"preprocessing": {json.dumps(steps)}' for steps in suggestions(seen, described.channels)
    )
    usual = f"{_usual(largest)} if it was 0–{largest} all the same"
    if described.ends.quantized:
        low, high = (seen.mean + sign * 2 * seen.deviation for sign in (-1, 1))
        how = f"its input is quantized for numbers from {low:.2g} to {high:.2g}"
    else:
        how = (
            f"its first batch normalisation remembers images whose mean is about {seen.mean:.2g} "
            f"and whose deviation is about {seen.deviation:.2g}"
        )
        usual += (
            ": layers that were taken from another network and frozen remember the images of that "
            "one"
        )
    return (
        f"{described.name} was not trained on intensities of 0–{largest}: {how}; say in "
        f"model.json what it was trained on, such as {lines}; or {usual}"
    )


def refusal_of_large(described: Description) -> str:
    """Why a network whose first layer takes large numbers is given none, with the remedy."""
    twelve, sixteen = (
        f'"preprocessing": {json.dumps(_multiplied(white))}'
        for white in (TWELVE_BITS, SIXTEEN_BITS)
    )
    how = "first layer divides by such or takes such away"
    if described.ends.quantized:
        how = "input is quantized for such"
    return (
        f"{described.name} was trained on larger numbers than 0–{EIGHT_BITS}, as its {how}, and "
        "does not tell which of them is white; say in "
        f"model.json what it was trained on, such as {twelve} if white was {TWELVE_BITS}, as in "
        f"images of 12 bits, or {sixteen} if it was trained on values as files of 16 bits have them"
    )


def suggestions(seen: Seen, channels: int) -> list[Steps]:
    """What may have been done to the images, the likeliest first; at least one."""
    size = abs(seen.mean) + 2 * seen.deviation
    if size > LARGEST_OF_EIGHT_BITS:
        return [_multiplied(white) for white in (EIGHT_BITS, TWELVE_BITS, SIXTEEN_BITS)]
    if size > LARGEST_OF_STANDARDISED:
        return [_multiplied(EIGHT_BITS)]
    standardised = [STANDARDISED, *([IMAGENET] if channels == len(COLORS) else [])]
    if seen.deviation < USUAL_DEVIATION:
        return [SIGNED, *standardised]
    return [*standardised, SIGNED]


def _multiplied(white: int) -> Steps:
    return [{"id": "scale_linear", "kwargs": {"gain": white}}]
