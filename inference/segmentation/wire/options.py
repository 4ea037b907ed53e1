"""What one request may ask for, in a line of ``key=value`` pairs between commas."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..answers import ANSWERS, Mask
from ..channels import MAX_CHANNELS
from ..errors import RequestError

AUGMENTS = ("1", "8")


@dataclass(frozen=True)
class Options:
    """The options of one request.

    Attributes:
        output: the name of an answer; see ``answers.ANSWERS``.
        threshold: of the mask, 0–1; None for the server's or the model's own.
        augment: 8 averages the probabilities over the flips and quarter turns, 1 does not.
        channels: which of the channels of the image to take, from 0; None: as they are.
    """

    output: str = Mask.name
    threshold: float | None = None
    augment: int = 1
    channels: tuple[int, ...] | None = None


def parse(attributes: str | None) -> Options:
    """Parse ``key=value, key=value``; None or an empty text means the defaults.

    A number without a key goes on with the value before it, as in ``channels=0,2``.

    Raises:
        RequestError: an unknown key, an impossible value, or a key that comes twice.
    """
    values: dict[str, Any] = {}
    for pair in _pairs(attributes or ""):
        key, _, text = (part.strip() for part in pair.partition("="))
        if key not in PARSERS:
            raise RequestError(
                f"custom attribute {pair!r} is unknown; known are {', '.join(PARSERS)}; send "
                '"key=value, key=value"'
            )
        field = FIELDS.get(key, key)
        if field in values:
            raise RequestError(f"custom attribute {key} comes twice; send it once")
        values[field] = PARSERS[key](text)
    return Options(**values)


def _pairs(attributes: str) -> list[str]:
    pairs: list[str] = []
    for part in filter(None, map(str.strip, attributes.split(","))):
        if pairs and part.lstrip("+-").isdigit() and pairs[-1].startswith("channel"):
            pairs[-1] += f",{part}"
        else:
            pairs.append(part)
    return pairs


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


def _channel(text: str) -> tuple[int, ...]:
    if "," in text:
        raise RequestError(f"channel is {text!r}; it must be one number; send channels={text}")
    return _channels(text, "channel")


def _channels(text: str, key: str = "channels") -> tuple[int, ...]:
    numbers = [number.strip() for number in text.split(",")]
    known = (number.isascii() and number.isdigit() and len(number) < 10 for number in numbers)
    if not all(known):
        raise RequestError(
            f"{key} is {text!r}; channels are whole numbers, counted from 0: channel=2, or "
            "channels=0,2"
        )
    if len(numbers) > MAX_CHANNELS:
        raise RequestError(f"{key} names {len(numbers)} channels; at most {MAX_CHANNELS} are taken")
    return tuple(map(int, numbers))


PARSERS: dict[str, Callable[[str], Any]] = {
    "output": _output,
    "threshold": _threshold,
    "augment": _augment,
    "channel": _channel,
    "channels": _channels,
}
FIELDS = {"channel": "channels"}  # of Options, where they have other names
