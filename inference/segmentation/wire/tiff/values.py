"""What the stored values of a TIFF mean: black and white, palettes, opacity, a pixel's size."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...calibration import Calibration
from ...depth import Range, of_type, shown
from ...errors import RequestError
from .descriptions import plausible
from .file import (
    COLOR_MAP,
    COMPRESSION,
    EXTRA_SAMPLES,
    MAX_SAMPLE_VALUE,
    NO_DATA,
    PHOTOMETRIC,
    PLANAR,
    RESOLUTION_UNIT,
    X_RESOLUTION,
    Y_RESOLUTION,
    Page,
)

WHITE_IS_ZERO, RGB, PALETTE, YCBCR = 0, 2, 3, 6
# photometric interpretations that are no intensities of light, and what they are called
OTHERS = {
    5: "the inks of a printer (CMYK)",
    8: "colours of CIE L*a*b*",
    9: "colours of ICC L*a*b*",
    10: "colours of ITU L*a*b*",
    32803: "the raw values of a camera behind a colour filter",
    32844: "logarithms of light (LogL)",
    32845: "logarithms of light (LogLuv)",
}
KNOWN = {0, 1, 2, 3, 4, 6, 34892}  # others; 4 is a mask, and 34892 has no filter any more
UNITS = {2: "inch", 3: "cm"}
# of SampleFormat
KINDS = {1: "", 2: "signed ", 3: "floating-point ", 4: "", 5: "complex ", 6: "complex "}
JPEG = (6, 7, 33007, 34892)
APERIO = 33003
JPEG_2000 = (APERIO, 33004, 33005, 34712)
SHOWING = ("imagej", "ome")
MIN_BITS = 8  # of a white that MaxSampleValue tells


def check(page: Page, dtype: np.dtype | None) -> None:
    """Refuse pages whose values are no intensities of light, before they are decoded.

    Args:
        dtype: that pixels will have; None where there is none for them.

    Raises:
        RequestError: they are not.
    """
    bits, kind = page.form[4], page.form[5][0]
    if dtype is None or dtype.kind not in "buif":
        wide = "/".join(map(str, bits))
        raise RequestError(
            f"TIFF has {_samples(page)} of {wide} {KINDS.get(kind, 'unknown ')}bits; whole numbers "
            "of 1 to 64 bits and floating-point ones of 16 to 64 are read, all of one depth; "
            "convert it, or send application/x-npy"
        )
    photometric = page.number_of(PHOTOMETRIC, 1)
    what = OTHERS.get(photometric)
    if is_ycc(page) and (page.samples != 3 or dtype != np.uint8 or page.number_of(PLANAR, 1) != 1):
        what = "brightness and colour apart (YCbCr), but not 3 of 8 bits that lie together"
    elif photometric == YCBCR and page.number_of(COMPRESSION, 1) not in (*JPEG, *JPEG_2000):
        what = "brightness and colour apart (YCbCr), without JPEG"
    if what:
        raise RequestError(
            f"samples of this TIFF are {what}; gray and RGB are read; convert it to one of them"
        )
    if photometric == PALETTE and page.samples > 1:
        raise RequestError(
            f"TIFF has a palette and {_samples(page)}; a palette is for one; convert it to RGB"
        )


def is_ycc(page: Page) -> bool:
    """Whether JPEG 2000 holds brightness and colour apart, which its decoder does not know.

    Aperio's first compression does whatever the photometric interpretation says
    (https://openslide.org/formats/aperio/); other programs use the same number for RGB.
    """
    compression = page.number_of(COMPRESSION, 1)
    if compression == APERIO and any(text.startswith("Aperio") for text in page.texts):
        return page.samples == 3
    return compression in JPEG_2000 and page.number_of(PHOTOMETRIC, 1) == YCBCR


def _samples(page: Page) -> str:
    return f"{page.samples} sample{'s' * (page.samples > 1)}"


@dataclass(frozen=True)
class Meaning:
    """What pixels mean.

    Attributes:
        pixels: with a palette looked up, (..., 3) where it has colours.
        range: which values are black and white; None: the type tells.
        alpha: as of ``Images``.
        asked: whether the range tells no more than that low values are white.
        assumed: sentences for the sender.
    """

    pixels: np.ndarray
    range: Range | None
    alpha: bool | None
    assumed: tuple[str, ...] = ()
    asked: bool = False


def meaning(pages: list[Page], pixels: np.ndarray, program: str, bits: int = 1) -> Meaning:
    """What the pixels of pages of one form mean.

    Args:
        pixels: as decoded, (N, H, W) or with channels last.
        program: that arranged the planes; palettes of those in SHOWING are for display.
        bits: of a sample that are significant, as OME-XML tells; 1 where it does not.

    Raises:
        RequestError: a palette lacks colours, or differs between pages.
    """
    page = pages[0]
    photometric = page.number_of(PHOTOMETRIC, 1)
    if photometric == PALETTE and program not in SHOWING:
        return Meaning(_looked_up(pages, pixels), None, None)
    found, assumed = _range(page, pixels, bits)
    assumed = (*assumed, *_without_gaps(page, pixels))
    if photometric not in KNOWN:
        assumed = (
            *assumed,
            f"the TIFF has samples of kind {photometric} (PhotometricInterpretation), which is not "
            "known here; low values were taken to be black",
        )
    if photometric == WHITE_IS_ZERO:
        whole = found or of_type(pixels.dtype)
        if whole is None:
            limits = np.iinfo(pixels.dtype)
            low_is_white = Range(limits.max, limits.min)
            return Meaning(pixels, low_is_white, _alpha(page), assumed, asked=True)
        found = whole.inverted
    return Meaning(pixels, found, _alpha(page), assumed)


def _range(
    page: Page, pixels: np.ndarray, significant: int
) -> tuple[Range | None, tuple[str, ...]]:
    """Black and white, as far as the bits of a sample, MaxSampleValue or OME-XML tell them."""
    bits = page.form[4][0]
    if pixels.dtype.kind != "u":
        return None, ()
    by_bits = None
    if len(page.form[4]) == 1 and bits < 32 and bits != 8 * pixels.dtype.itemsize:
        by_bits = Range(0, (1 << bits) - 1)
    entry = page.numbers(MAX_SAMPLE_VALUE)
    told, where = int(entry.max()) if entry.size else 0, "MaxSampleValue"
    nominal = (1 << bits) - 1
    if not 0 < told < nominal and MIN_BITS <= significant < bits:
        told, where = (1 << significant) - 1, "SignificantBits"
    if not 0 < told < nominal:
        return by_bits, ()
    largest = pixels.max()
    full = told & (told + 1) == 0 and told >= (1 << MIN_BITS) - 1
    if full and told >= largest:
        return Range(0, told), ()
    why = (
        f"less than the largest one, {shown(largest)}" if told < largest else "no depth of a camera"
    )
    return by_bits, (
        f"the TIFF says that its largest value is {told} ({where}), which is {why}; it was "
        f"read as {bits} bits, so that white is {nominal}: send range={told} if white is {told}",
    )


def _without_gaps(page: Page, pixels: np.ndarray) -> tuple[str, ...]:
    """Give floats that stand for no data the lowest value of the others, in place.

    https://gdal.org/en/stable/drivers/raster/gtiff.html, GDAL_NODATA
    """
    missing = _number(page.text_of(NO_DATA))
    if missing is None or pixels.dtype.kind != "f" or 0 <= missing <= 1:
        return ()
    empty = np.isnan(pixels) if math.isnan(missing) else pixels == pixels.dtype.type(missing)
    number = int(empty.sum())
    if not 0 < number < empty.size:
        return ()
    lowest = pixels.min(initial=np.inf, where=~empty)
    pixels[empty] = lowest
    return (
        f"{number:,} values of the TIFF are {missing:g}, which stands for no data (GDAL_NODATA); "
        f"they were read as the lowest one of the others, {shown(lowest)}",
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _alpha(page: Page) -> bool | None:
    """Whether the last sample of a pixel is its opacity; None: nothing says."""
    colors = 3 if page.number_of(PHOTOMETRIC, 1) in (RGB, YCBCR) else 1
    extra = page.samples - colors
    kinds = page.numbers(EXTRA_SAMPLES).ravel().tolist()
    if extra != 1:
        return False if extra > 1 else None
    return None if not kinds else kinds[-1] in (1, 2)


def _looked_up(pages: list[Page], indices: np.ndarray) -> np.ndarray:
    """Indices into the palette of pages -> their gray levels, or (..., 3) colours."""
    maps = {page.numbers(COLOR_MAP).astype(np.uint16).tobytes() for page in pages}
    if len(maps) > 1:
        raise RequestError(
            "pages of this TIFF have palettes of their own, so that one index means several "
            "colours; convert it to RGB, or to gray"
        )
    colors = np.frombuffer(maps.pop(), np.uint16)
    if indices.dtype.kind not in "bu" or not colors.size or colors.size % 3:
        raise RequestError("TIFF has a palette without colours; convert it to RGB, or to gray")
    if indices.dtype.itemsize > 2:
        raise RequestError(
            f"TIFF has a palette, and indices of {8 * indices.dtype.itemsize} bits; they are read "
            "up to 16; convert it to RGB, or to gray"
        )
    colors = colors.reshape(3, -1).T  # (3 * n) -> (n, 3)
    counted = np.zeros(1 << 16, bool)
    for plane in indices:
        counted[: int(plane.max()) + 1] |= np.bincount(plane.ravel()) > 0
    used = np.flatnonzero(counted)
    if used[-1] >= len(colors):
        raise RequestError(
            f"TIFF has a palette of {len(colors)} colours, and an index of {used[-1]}; save it "
            "again in the program that made it"
        )
    colors = _narrow(colors)
    if (colors[used] == colors[used, :1]).all():
        colors = colors[:, 0]
    elif indices.ndim > 3:
        raise RequestError(
            f"TIFF has {indices.shape[-1]} channels with a palette of colours; an image has one "
            "of them; save the channels as gray ones, or convert it to RGB"
        )
    numbers = indices.view(np.uint8) if indices.dtype == bool else indices
    return np.ascontiguousarray(colors)[numbers]


def _narrow(colors: np.ndarray) -> np.ndarray:
    """Colours of 16 bits as those of 8 that they were, where they were."""
    if colors.max() <= 255:  # as some programs write them
        return colors.astype(np.uint8)
    for step in (257, 256):
        if not (colors % step).any():
            return (colors // step).astype(np.uint8)
    return colors


def calibrated(known: Calibration, page: Page) -> Calibration:
    """With the size of a pixel that the resolution of a page tells, where nothing else does."""
    if known.x is not None:
        return known
    x, y = _per_unit(page, X_RESOLUTION), _per_unit(page, Y_RESOLUTION)
    unit = known.unit or UNITS.get(page.number_of(RESOLUTION_UNIT, 2), "")
    if x is None or y is None or (not unit and x == y == 1):
        return known
    return replace(known, x=1 / x, y=1 / y, unit=unit)


def _per_unit(page: Page, code: int) -> float | None:
    values: Any = page.numbers(code)
    if values.shape != (1, 2) or not values.all():
        return None
    return plausible(float(values[0, 0] / values[0, 1]))
