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
    images = [image for image in ome.read(text) if image.here]
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
    note = "the OME-XML of the TIFF could not be understood, and its pages were read as a stack"
    if len(images) > MAX_IMAGES:
        note = (
            f"the OME-XML of the TIFF names {len(images):,} images; none of the first {MAX_IMAGES} "
            "fits its pages, no more were looked at, and the pages were read as a stack"
        )
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
    size = {key: number(found.get(key)) for key in ("images", "frames", "slices", "channels")}
    if size["channels"] == first.samples > 1:  # the samples of a pixel, which Bio-Formats names so
        size["channels"] = 1
    by_axis = {"T": size["frames"], "Z": size["slices"], "C": size["channels"]}
    order = found.get("order", "czt").upper()
    axes = order[::-1] if sorted(order) == ["C", "T", "Z"] else "TZC"
    lengths = tuple(by_axis[axis] for axis in axes)
    pages, total = contents.alike, math.prod(lengths)
    if total == 1:
        total = size["images"] if len(pages) == 1 else len(pages)
        axes, lengths = "Z", (total,)
    elif len(pages) > total and len(pages) % total == 0 and len(pages) == size["images"]:
        axes, lengths = f"I{axes}", (len(pages) // total, *lengths)
    calibration = Calibration(
        z=positive(found.get("spacing")), unit=unescaped(found.get("unit", "")), program="imagej"
    )
    return arranged(pages, axes, lengths, "ImageJ's description", calibration)
