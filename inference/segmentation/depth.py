"""Which stored values are the intensities 0 and 1: black and white.

Files tell it by their type (uint8: 0 and 255, uint16: 0 and 65535, floats: 0 and 1), by tags, or
not at all. Then the sender says it, ``range=100:4095``, or the model's spec does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import RequestError

ROUNDING = 1e-4  # floats that exceed 0–1 by less are rounded, not of another range
DARK = 2  # numbers in a text up to here look like intensities 0-1 that exceed them a little
COMMON_DEPTHS = (8, 10, 12, 14)  # bits of cameras, whose images are stored in 16
RULE = "range is white, black:white, or percentiles of the images: 4095, 100:4095, 1%:99.8%"
NUMBER = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?) ?(%?)")
LONGEST = 100  # characters of a range
LARGEST = float(np.finfo(np.float32).max)
ROWS = 1 << 20  # values that are counted together


@dataclass(frozen=True)
class Range:
    """The stored values of intensities 0 and 1.

    Attributes:
        black: of intensity 0; larger than ``white`` in files where the lowest value is white.
        white: of intensity 1.
    """

    black: float = 0.0
    white: float = 1.0

    @property
    def inverted(self) -> "Range":
        """With black for white."""
        return Range(self.white, self.black)

    @property
    def highest(self) -> float:
        """The larger of both; that of an opaque pixel in an alpha channel."""
        return max(self.black, self.white)

    @property
    def scale(self) -> float:
        """What a step of one stored value is in intensity."""
        return 1 / (self.white - self.black)


UNIT = Range()
EIGHT_BITS = Range(0, 255)


@dataclass(frozen=True)
class Bound:
    """One end of a range as a request or a spec names it: a stored value, or a percentile."""

    value: float
    percent: bool = False

    def of(self, values: "Histogram") -> float:
        return values.percentile(self.value) if self.percent else self.value


@dataclass(frozen=True)
class RangeRule:
    """The range that a request or a spec wants."""

    black: Bound
    white: Bound

    @property
    def fixed(self) -> Range | None:
        """The range, where no image is needed to know it."""
        if self.black.percent or self.white.percent:
            return None
        return Range(self.black.value, self.white.value)

    def of(self, pixels: np.ndarray) -> Range:
        """The range of images of any shape; of images without contrast, all is black."""
        values = Histogram(pixels)
        black, white = self.black.of(values), self.white.of(values)
        return Range(black, white if can_scale(black, white) else black + 1)


def parse(text: str) -> RangeRule:
    """Read ``4095``, ``100:4095`` or ``1%:99.8%``.

    Raises:
        RequestError: it is none of these, or black is not below white.
    """
    if len(text) > LONGEST:
        raise RequestError(f"range has {len(text):,} characters; {RULE}")
    parts = text.split(":")
    bounds = [bound for bound in map(_bound, parts) if bound is not None]
    if len(bounds) != len(parts) or len(bounds) > 2:
        raise RequestError(
            f"range is {text!r}; {RULE}; values are from -3.4e38 to 3.4e38, percentiles 0 to 100"
        )
    black, white = bounds if len(bounds) == 2 else (Bound(0.0), bounds[0])
    if len(bounds) == 1 and white.percent:
        raise RequestError(f"range is {text!r}, one percentile; {RULE}")
    if black.percent == white.percent and black.value >= white.value:
        raise RequestError(f"range is {text!r}; black must be below white; {RULE}")
    if not (black.percent or white.percent or can_scale(black.value, white.value)):
        raise RequestError(f"range is {text!r}, which is too narrow for numbers of 32 bits; {RULE}")
    return RangeRule(black, white)


def can_scale(black: float, white: float) -> bool:
    """Whether white is above black by enough to divide by."""
    return white > black and 1 / (white - black) < LARGEST


def of_entry(value: Any) -> RangeRule:
    """Read a range as JSON has it: 4095, "100:4095", or [100, 4095].

    Raises:
        RequestError: as ``parse``.
    """
    return parse(":".join(map(str, value if isinstance(value, list) else [value])))


def _bound(text: str) -> Bound | None:
    found = NUMBER.fullmatch(text.strip())
    if found is None:
        return None
    value, percent = float(found[1]), bool(found[2])
    if abs(value) > LARGEST or (percent and not 0 <= value <= 100):
        return None
    return Bound(value, percent)


class Histogram:
    """The values of images, sorted; those of 8 and 16 bits are counted, which takes no copy."""

    def __init__(self, pixels: np.ndarray):
        self._counts: np.ndarray | None = None
        if pixels.dtype.kind in "bu" and pixels.dtype.itemsize <= 2:
            self._counts = np.zeros(1 << (8 * pixels.dtype.itemsize), np.int64)
            for part in _parts(pixels):
                self._counts += np.bincount(part, minlength=len(self._counts))
            self._ends = np.cumsum(self._counts)
        else:
            self._pixels = pixels

    def percentile(self, percent: float) -> float:
        """As ``numpy.percentile``, interpolated between neighbours."""
        if self._counts is None:
            return float(np.percentile(self._pixels, percent))
        place = percent / 100 * (self._ends[-1] - 1)
        low, high = np.searchsorted(self._ends, [np.floor(place), np.ceil(place)], side="right")
        return float(low + (high - low) * (place - np.floor(place)))


def _parts(pixels: np.ndarray) -> Iterator[np.ndarray]:
    """All values, flat, some at a time: ``bincount`` makes integers of eight bytes of them.

    Of a view, such as one channel of an image, so many are copied together.
    """
    yield from np.nditer(pixels, flags=["external_loop", "buffered"], buffersize=ROWS)


def of_type(dtype: np.dtype) -> Range | None:
    """The range that a type tells by itself; None of integers that may mean anything."""
    if dtype.kind in "fb":
        return UNIT
    if dtype.kind == "u" and dtype.itemsize <= 2:
        return Range(0, np.iinfo(dtype).max)
    return None


@dataclass(frozen=True)
class Settled:
    """A range, and how sure it is.

    Attributes:
        range: of the images.
        clips: whether values may be outside of it.
        assumed: what had to be assumed, in a sentence; "" where nothing was.
    """

    range: Range
    clips: bool = False
    assumed: str = ""


def settle(pixels: np.ndarray, told: Range | None) -> Settled:
    """The range of images of any shape whose sender names none.

    Args:
        told: by the file; None where it tells none, and the type does.

    Raises:
        RequestError: values are outside of it, are no numbers, or nothing tells it.
    """
    found = told or of_type(pixels.dtype)
    if found is not None and told is None and pixels.dtype.itemsize == 1:  # whatever its values are
        return Settled(found)
    low, high = pixels.min(), pixels.max()
    if found is None:
        raise RequestError(
            f"image has samples of {_type(pixels.dtype)}, from {shown(low)} to {shown(high)}, and "
            "nothing tells which of them are black and white; say it with "
            f"{_that_holds(low, high)}, in these values"
        )
    if pixels.dtype.kind == "f":
        check_finite(low, high)
        return Settled(found, clips=_is_rounded(low, high, found))
    whole = of_type(pixels.dtype)
    by_type = whole is not None and (told is None or told in (whole, whole.inverted))
    bits = likely_bits(high) if by_type and pixels.dtype == np.uint16 and high else None
    if bits is None:
        return Settled(found, clips=bool(told and high > told.highest))
    return Settled(
        found,
        assumed=f"the largest value of this 16-bit image is {high}, as of a {bits}-bit camera; it "
        f"was read as 16 bits, so that {'white' if found.white else 'black'} is 65535: send "
        f"range={(1 << bits) - 1} if it is {(1 << bits) - 1}",
    )


def of_numbers(numbers: np.ndarray) -> Settled:
    """The range of numbers in a text, whose white is 255.

    Numbers from 0 to 1, fractions among them, are intensities: of an image / 255.

    Raises:
        RequestError: there are numbers outside of 0–255.
    """
    low, high = numbers.min(), numbers.max()
    check_finite(np.float32(low), np.float32(high))
    if low < 0 or high > EIGHT_BITS.white:
        raise RequestError(
            f"values go from {shown(low)} to {shown(high)}; intensities in text are 0–255; say "
            f"which values are black and white with {_that_holds(low, high)}, or send 16-bit "
            "images as PNG, TIFF or NPY"
        )
    if numbers.dtype.kind != "f" or high > 1 or (numbers == np.rint(numbers)).all():
        dark = f"the largest number is {shown(high)}, white is 255: send range=1 if white is 1"
        return Settled(EIGHT_BITS, assumed=dark if 0 < high <= DARK else "")
    return Settled(
        UNIT,
        assumed="all numbers lie between 0 and 1, fractions among them, and were read as "
        "intensities 0-1, not 0-255: send range=255 if white is 255",
    )


def likely_bits(largest: float) -> int | None:
    """How many bits 16-bit values look to have whose largest is this; None: all of them."""
    return next((bits for bits in COMMON_DEPTHS if largest < 1 << bits), None)


def _is_rounded(low: Any, high: Any, found: Range) -> bool:
    """Whether floats are outside of their range by rounding alone.

    Raises:
        RequestError: they are by more.
    """
    lowest, slack = min(found.black, found.white), ROUNDING * abs(found.white - found.black)
    if low < lowest - slack or high > found.highest + slack:
        raise RequestError(
            f"values go from {shown(low)} to {shown(high)}; float intensities are "
            f"{lowest:g}–{found.highest:g}; divide by the largest possible value, or say which "
            f"values are black and white with {_that_holds(low, high)}"
        )
    return bool(low < lowest or high > found.highest)


def _type(dtype: np.dtype) -> str:
    """In the words of whoever made the file."""
    signed = {"i": "signed ", "u": ""}.get(dtype.kind, "floating-point ")
    return f"{8 * dtype.itemsize} {signed}bits"


def check_finite(low: Any, high: Any) -> None:
    """Refuse what no range can place."""
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RequestError(
            f"values go from {low:g} to {high:g}: there is NaN or infinity among them, or a "
            "number beyond 32 bits, which is no intensity; replace it, as with numpy.nan_to_num"
        )


def _that_holds(low: Any, high: Any) -> str:
    """A range, as a request names it, in which all values are; black is 0 unless some are below."""
    black = min(low, low - low)
    white = high if can_scale(float(black), float(high)) else 0 if high <= -1 else 1
    return f"range={shown(black)}:{shown(white)}"


def shown(value: Any) -> str:
    """A value at its full precision, no longer than that takes."""
    if isinstance(value, np.integer):
        return str(value)
    return np.format_float_positional(value, trim="-")
