"""What ImageJ and tifffile write into the description of a TIFF, read as text from anywhere."""

import re
from collections.abc import Callable
from typing import Any

MAX_HEAD = 1 << 16  # characters
MAX_NAME = 80
LEAST_SIZE, MOST_SIZE = 1e-12, 1e12  # of a pixel, in any unit
ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def parsed(texts: list[str], begins: tuple[str, ...], parse: Callable[[str], Any]) -> Any:
    """What the text says that begins so; {} where none does, or it is no such text."""
    for text in texts:
        if text.startswith(begins):
            try:
                return parse(text[:MAX_HEAD])
            except (ValueError, RecursionError):
                return {}
    return {}


def lines(text: str) -> dict[str, str]:
    """Lines of ``key=value``."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def number(text: str | None) -> int:
    """A whole number; 1 where it is none."""
    plain = text and text.isascii() and text.isdigit() and len(text) < 10
    return max(1, int(text)) if text and plain else 1


def positive(text: str | None) -> float | None:
    """A number, without its sign; None where it is none."""
    try:
        return plausible(abs(float(text or "nan")))
    except ValueError:
        return None


def plausible(size: float) -> float | None:
    """The size of a pixel; None where nothing is so small or so large, or it is not finite."""
    return float(size) if LEAST_SIZE <= size <= MOST_SIZE else None


def unescaped(text: str) -> str:
    r"""A unit, on one line. ImageJ writes a micro sign as \u00B5."""
    found = ESCAPE.sub(lambda match: chr(int(match[1], 16)), text[:64])
    found = "".join(letter for letter in found if letter.isprintable())
    return "" if found.lower() in ("pixel", "pixels") else found


def shortened(text: str) -> str:
    """The name of a file, on one line."""
    found = "".join(letter for letter in text if letter.isprintable())
    return found if len(found) <= MAX_NAME else f"{found[:MAX_NAME]}…"
