"""What one request may ask for: ``key=value`` pairs, from three places.

    output=overlay, threshold=0.4                      the header for attributes
    ?output=overlay&threshold=0.4                      the query string of the address
    {"instances": [...], "parameters": {"output": "overlay", "threshold": 0.4}}      the body

The header wins over the query string, and that over what stands in the body. The header may carry
what is for others: what is no pair of ours is let be there, unless it looks like a misspelt one.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from .. import depth
from ..answers import ANSWERS
from ..channels import MAX_CHANNELS
from ..depth import RangeRule
from ..errors import RequestError

AUGMENTS = ("1", "8")
MISSPELT = 0.8  # of difflib's similarity
SHORTEST = 3  # letters of a key that was cut short
LONGEST = 200  # characters of a key or a value
SHOWN = 50  # of them in messages
MOST_DIGITS = 9  # of a whole number
NUMBER = re.compile(r"[+-]?[\d.]+%?")  # goes on with the value before it


@dataclass(frozen=True)
class Options:
    """The options of one request.

    Attributes:
        output: the name of an answer; see ``answers.ANSWERS``; None: as the client accepts.
        threshold: of the mask, 0–1; None for the server's or the model's own.
        augment: 8 for the upper median of the probabilities of the flips and quarter turns (of two
            classes the median, of more the mean); 1 for those of the image as it is.
        channels: which of the channels of the image to take, from 0; None: as they are.
        range: which stored values are intensities 0 and 1; None: as the model's spec or the file
            tells.
        minimum: the least pixels of a component; smaller ones are no part of the answer.
    """

    output: str | None = None
    threshold: float | None = None
    augment: int = 1
    channels: tuple[int, ...] | None = None
    range: RangeRule | None = None
    minimum: int = 1


def parse(
    attributes: str | None = None,
    query: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Options:
    """Read the options of a request.

    Args:
        attributes: of the header, ``key=value, key=value``. A number without a key goes on with the
            value before it, as in ``channels=0,2``.
        query: of the address, after the question mark.
        parameters: of the body; their values may be numbers, and lists of these.

    Raises:
        RequestError: an unknown key, an impossible value, or a key that comes twice in one place.
    """
    values: dict[str, Any] = {}
    values |= _read(_of_body(parameters or {}), "parameter")
    values |= _read(parse_qsl(query or "", keep_blank_values=True), "query parameter")
    values |= _read(_of_header(attributes or ""), "custom attribute")
    return Options(**values)


def _read(pairs: Iterable[tuple[str, str]], where: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, text in pairs:
        if len(key) > LONGEST or len(text) > LONGEST:
            raise RequestError(
                f"{where} {key[:SHOWN]!r} has {max(len(key), len(text)):,} characters; the longest "
                f"may have {LONGEST}; see {', '.join(PARSERS)}"
            )
        if key not in PARSERS:
            raise RequestError(
                f"{where} {key!r} is unknown{_hint(key)}; known are {', '.join(PARSERS)}"
            )
        field = FIELDS.get(key, key)
        if field in values:
            raise RequestError(
                f"{where} {key} comes twice, or beside another name of the same; send it once"
            )
        values[field] = PARSERS[key](text.strip())
    return values


def _hint(key: str) -> str:
    close = _likely(key)
    return f"; did you mean {close}" if close else ""


def _likely(key: str) -> str | None:
    """The key that was meant by another text, if that looks like one of ours."""
    name = key.lower().replace("-", "").replace("_", "")
    if name in PARSERS:
        return name
    cut = (known for known in PARSERS if len(name) >= SHORTEST and known.startswith(name))
    return next(cut, None) or next(
        iter(difflib.get_close_matches(name, PARSERS, 1, MISSPELT)), None
    )


def _of_body(parameters: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for key, value in parameters.items():
        several = value if isinstance(value, (list, tuple)) else [value]
        if any(isinstance(part, (list, dict)) or part is None for part in several):
            raise RequestError(f"parameter {key[:SHOWN]!r} must be a text, a number, or several")
        yield key, (":" if key == "range" else ",").join(map(_text, several))


def _text(value: Any) -> str:
    """20.0, as some languages write whole numbers in JSON, is 20."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def _of_header(attributes: str) -> Iterable[tuple[str, str]]:
    """The pairs that are ours, or look as if they were meant to be."""
    for pair in _pairs(attributes):
        key, equals, text = (part.strip() for part in pair.partition("="))
        if equals and key in PARSERS:
            yield key, text
            continue
        name = key if equals else pair.partition(":")[0].strip()
        meant = _likely(name)
        if meant:
            raise RequestError(
                f"custom attribute {pair!r} is unknown; did you mean {meant}; known are "
                f'{", ".join(PARSERS)}; send "key=value, key=value"'
            )


def _pairs(attributes: str) -> list[str]:
    pairs: list[str] = []
    for part in filter(None, map(str.strip, attributes.split(","))):
        if pairs and NUMBER.fullmatch(part) and pairs[-1].startswith(("channel", "range")):
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
    if not 0 <= threshold <= 1 or "_" in text or not text.isascii():  # which Python takes
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
    if not all(map(_is_whole, numbers)):
        raise RequestError(
            f"{key} is {text!r}; channels are whole numbers, counted from 0, of at most "
            f"{MOST_DIGITS} digits: channel=2, or channels=0,2"
        )
    if len(numbers) > MAX_CHANNELS:
        raise RequestError(f"{key} names {len(numbers)} channels; at most {MAX_CHANNELS} are taken")
    return tuple(map(int, numbers))


def _minimum(text: str) -> int:
    if not _is_whole(text):
        raise RequestError(
            f"minimum is {text!r}; it is the least pixels of a component, a whole number of at "
            f"most {MOST_DIGITS} digits: minimum=20"
        )
    return int(text)


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS


PARSERS: dict[str, Callable[[str], Any]] = {
    "output": _output,
    "threshold": _threshold,
    "augment": _augment,
    "channel": _channel,
    "channels": _channels,
    "range": depth.parse,
    "minimum": _minimum,
}
FIELDS = {"channel": "channels"}  # of Options, where they have other names
