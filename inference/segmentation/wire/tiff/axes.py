"""Which pages of a TIFF are the image, and what its stack means: channels, slices, times.

OME-XML tells it, or the description that ImageJ or tifffile writes, or the tags of a microscope's
own program; of others nothing but pages is known. What is no part of the image is left out:
thumbnails, masks, the steps of a pyramid; and further images with a sentence for the sender.
"""

import json
import math
import re
from dataclasses import replace
from typing import Any, NamedTuple

from ...calibration import Calibration
from ...channels import count, times
from ...errors import RequestError
from . import microscopes, ome
from .descriptions import lines, number, parsed, plausible, positive, unescaped
from .file import MASK, REDUCED, SUB_PAGES, Page
from .stack import Stack, arranged

IMAGEJ = ("ImageJ=", "SCIFIO=")
LOWEST = ("-32768", "-32768.0")
SCIFIO_AXES = {"Z": "Z", "Channel": "C", "Time": "T"}  # others are just stacked
MAX_AXES = 9
LETTERS = re.compile("[A-Za-z]+")  # of axes
MAX_IMAGES = 100  # of OME-XML that are looked at, of those with planes in the file


class Contents(NamedTuple):
    """The pages of a file: all, those of the form of its image, and those of other forms."""

    pages: list[Page]
    alike: list[Page]
    further: list[Page]


def stack(pages: list[Page]) -> Stack:
    """The image of a file.

    Raises:
        RequestError: planes that the file names are missing.
        PayloadTooLarge: it names more than are taken.
    """
    contents = _contents(pages)
    found = (
        _of_ome(contents)
        or _of_tifffile(contents)
        or _of_imagej(contents)
        or microscopes.arrangement(contents.alike)
        or Stack(contents.alike, "I", (len(contents.alike),))
    )
    return _with_further(found, contents)


def _contents(pages: list[Page]) -> Contents:
    images = [page for page in pages if not page.kind & (REDUCED | MASK)]
    if not images and SUB_PAGES in pages[0].entries:
        raise RequestError(
            "all pages of the TIFF are thumbnails, and its image lies below one, as raw files of "
            "cameras have it; convert it to a plain TIFF"
        )
    first = (images or pages)[0]
    alike = [page for page in images or pages if page.form == first.form]
    return Contents(pages, alike, [page for page in images if page.form != first.form])


def _smaller(page: Page, first: Page) -> bool:
    """Whether a page looks like a smaller copy of another one."""
    (height, width), (full_height, full_width) = page.size, first.size
    if not (0 < height < full_height and 0 < width < full_width) or page.samples not in (
        1,
        3,
        first.samples,
    ):
        return False
    return abs(height / full_height - width / full_width) <= 1 / min(height, width)


def _with_further(found: Stack, contents: Contents) -> Stack:
    """With a sentence about the pages that are left out."""
    used = {page.number for page in found.pages}
    first = found.pages[0]
    left = [
        page
        for page in (*contents.alike, *contents.further)
        # OME-XML names images; in other files a smaller one is a step of a pyramid
        if page.number not in used
        and (found.calibration.program == "ome" or not _smaller(page, first))
    ]
    if not left:
        return found
    sizes = " and ".join(sorted({times(page.size) for page in left})[:3])
    note = (
        f"the TIFF holds {count(len(left), 'further page')} of other images ({sizes}), which were "
        "left out: send them in requests of their own if they matter"
    )
    return replace(found, assumed=(*found.assumed, note))


def _of_ome(contents: Contents) -> Stack | None:
    pages = contents.pages
    text = next((text for text in pages[0].texts if text.rstrip().endswith(ome.END)), None)
    if text is None:
        return None
    said = ome.read(text)
    images = [image for image in said.images if image.here]
    for image in images[:MAX_IMAGES]:
        try:
            lengths = image.lengths(contents.alike[0].samples)
            sources = image.pages(lengths, len(pages))
        except ValueError:
            continue
        chosen = [pages[source] for source in sources if source is not None]
        if not chosen:
            continue
        x, y, z, unit = image.scale()
        calibration = Calibration((), x, y, z, unit, "ome")
        if None in sources[: len(chosen)]:
            raise RequestError(
                f"OME-XML of the TIFF names {len(sources)} planes, of which the file holds "
                f"{len(chosen)}, with gaps; others may be in further files, or were never written; "
                "save it as one whole file, for example with Fiji"
            )
        planes = _of_one_form(chosen)
        found = arranged(planes, image.axes, lengths, "OME-XML", calibration)
        return replace(found, bits=image.bits)
    why = said.why or "could not be understood"
    if len(images) > MAX_IMAGES:
        why = (
            f"names {len(images):,} images; none of the first {MAX_IMAGES} fits its pages, no more "
            "were looked at"
        )
    note = f"the OME-XML of the TIFF {why}, and its pages were read as a stack"
    several = len(contents.alike) > 1
    plain = Stack(contents.alike, "I", (len(contents.alike),), assumed=(note,) * several)
    return _of_imagej(contents) or plain


def _of_one_form(pages: list[Page]) -> list[Page]:
    other = next((page for page in pages if page.form != pages[0].form), None)
    if other is not None:
        raise RequestError(
            f"page {other.number + 1} of the TIFF is {times(other.size)}, page "
            f"{pages[0].number + 1} is {times(pages[0].size)}, or of other samples; the planes of "
            "an image are of one size and type; save them as one, or send them one by one"
        )
    return pages


def _of_tifffile(contents: Contents) -> Stack | None:
    """Of a description such as {"shape": [6, 96, 128], "axes": "ZYX"}."""
    first = contents.alike[0]
    found = parsed(first.texts, ("{",), json.loads)
    shape = found.get("shape") if isinstance(found, dict) else None
    if not isinstance(shape, list) or not all(isinstance(n, int) and n > 0 for n in shape):
        return None
    shown = _page_shape(first)
    inner = next((s for s in shown if tuple(shape[len(shape) - len(s) :]) == s), None)
    if inner is None:
        return None
    lengths = tuple(shape[: len(shape) - len(inner)])
    axes = found.get("axes")
    axes = axes[: len(lengths)].upper() if _distinct(axes, len(shape)) else "Q" * len(lengths)
    total = math.prod(lengths)
    if not lengths:
        return None
    if axes == "Q" * len(axes):
        axes, lengths = "Q", (total,)
    if 1 < len(contents.alike) < total:
        return None  # pages were taken out since
    return arranged(contents.alike, axes, lengths, "the description", _plain_size(found))


def _distinct(axes: object, number: int) -> bool:
    """Whether these are names of so many axes: letters, each of which stands for one."""
    if not isinstance(axes, str) or not LETTERS.fullmatch(axes):
        return False
    return len(axes) == len({*axes.upper()}) == number


def _page_shape(page: Page) -> list[tuple[int, ...]]:
    """How tifffile may say the shape of one page."""
    height, width = page.size
    samples, depth = page.samples, page.form[2][0]
    if depth > 1:
        return [(depth, height, width)]
    if samples == 1:
        return [(height, width, 1), (1, height, width), (height, width)]
    return [(height, width, samples), (samples, height, width)]


def _plain_size(found: dict[str, Any]) -> Calibration:
    spacing = found.get("spacing")
    unit = found.get("unit")
    return Calibration(
        z=plausible(spacing) if isinstance(spacing, (int, float)) else None,
        unit=unescaped(unit) if isinstance(unit, str) and len(unit) < 32 else "",
    )


def _of_imagej(contents: Contents) -> Stack | None:
    """Of a description of lines such as ``slices=6``."""
    first = contents.alike[0]
    found = parsed(first.texts, IMAGEJ, lines)
    if not found:
        return None
    images, pages = number(found.get("images")), contents.alike
    axes, lengths = _of_scifio(found, first.samples) or _of_hyperstack(found, first.samples)
    total = math.prod(lengths)
    if total == 1:
        total = images if len(pages) == 1 else len(pages)
        axes, lengths = "Z", (total,)
    elif len(pages) > total and len(pages) % total == 0 and len(pages) == images:
        axes, lengths = f"I{axes}", (len(pages) // total, *lengths)
    calibration = Calibration(
        z=positive(found.get("spacing")), unit=unescaped(found.get("unit", "")), program="imagej"
    )
    stack = arranged(pages, axes, lengths, "ImageJ's description", calibration)
    return replace(stack, signed=_is_signed(found))


def _is_signed(found: dict[str, str]) -> bool:
    """Whether 32768 is to be taken from each sample: ImageJ itself has no signed ones."""
    straight_line = found.get("cf") == "0"
    return straight_line and found.get("c1") in ("1", "1.0") and found.get("c0") in LOWEST


def _of_hyperstack(found: dict[str, str], samples: int) -> tuple[str, tuple[int, ...]]:
    """The axes of planes that ImageJ names, the outermost first, and their lengths."""
    channels = number(found.get("channels"))
    if channels == samples > 1:  # the samples of a pixel, which Bio-Formats names so
        channels = 1
    by_axis = {"T": number(found.get("frames")), "Z": number(found.get("slices")), "C": channels}
    order = found.get("order", "czt").upper()
    axes = order[::-1] if sorted(order) == ["C", "T", "Z"] else "TZC"
    return axes, tuple(by_axis[axis] for axis in axes)


def _of_scifio(found: dict[str, str], samples: int) -> tuple[str, tuple[int, ...]] | None:
    """The same, as SCIFIO names axes of any kind and order; what it says in ImageJ's words is
    then for ImageJ alone. None where it names none, or names one twice.
    """
    names = found.get("axes", "").split(",")
    lengths = [number(length) for length in found.get("lengths", "").split(",")]
    if names[:2] == ["Channel", "X"] and lengths[0] == samples:
        names, lengths = names[1:], lengths[1:]
    if names[:2] != ["X", "Y"] or len(names) != len(lengths) or len(names) > MAX_AXES:
        return None
    letters = [SCIFIO_AXES.get(name, "I") for name in names[2:]]
    pairs = [pair for pair in zip(letters, lengths[2:], strict=True) if pair[1] > 1]
    axes = "".join(axis for axis, _ in reversed(pairs))
    if len({*axes}) < len(axes):
        return None
    return axes, tuple(length for _, length in reversed(pairs))
