"""What one request may ask for, in a line of ``key=value`` pairs between commas."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..answers import ANSWERS, Mask
from ..errors import RequestError

AUGMENTS = ("1", "8")


@dataclass(frozen=True)
class Options:
    """The options of one request.

    Attributes:
        output: the name of an answer; see ``answers.ANSWERS``.
        threshold: of the mask, 0–1; None for the server's or the model's own.
        augment: 8 averages the probabilities over the flips and quarter turns, 1 does not.
    """

    output: str = Mask.name
    threshold: float | None = None
    augment: int = 1


def parse(attributes: str | None) -> Options:
    """Parse ``key=value, key=value``; None or an empty text means the defaults.

    Raises:
        RequestError: an unknown key, an impossible value, or a key that comes twice.
    """
    values: dict[str, Any] = {}
    for pair in filter(None, map(str.strip, (attributes or "").split(","))):
        key, _, text = (part.strip() for part in pair.partition("="))
        if key not in PARSERS:
            raise RequestError(
                f"custom attribute {pair!r} is unknown; known are {', '.join(PARSERS)}; send "
                '"key=value, key=value"'
            )
        if key in values:
            raise RequestError(f"custom attribute {key} comes twice; send it once")
        values[key] = PARSERS[key](text)
    return Options(**values)


def _output(text: str) -> str:
    if text not in ANSWERS:
        raise RequestError(f"output is {text!r}; it must be one of {', '.join(ANSWERS)}")
    return text


def _threshold(text: str) -> float:
    rule = f"threshold is {text!r}; it must be a number from 0 to 1"
    try:
        threshold = float(text)
    except ValueError as exc:
        raise RequestError(rule) from exc
    if not 0 <= threshold <= 1:
        raise RequestError(rule)
    return threshold


def _augment(text: str) -> int:
    if text not in AUGMENTS:
        raise RequestError(f"augment is {text!r}; it must be one of {', '.join(AUGMENTS)}")
    return int(text)


PARSERS: dict[str, Callable[[str], Any]] = {
    "output": _output,
    "threshold": _threshold,
    "augment": _augment,
}
