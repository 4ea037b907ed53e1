"""Files within JSON, as base64: ``{"b64": "…"}``, TensorFlow Serving's form."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..calibration import UNKNOWN
from ..channels import times
from ..errors import RequestError
from ..images import Images, check_size
from .format import Reader, sniffed

KEY = "b64"
MAX_FILES = 1000
MOST = 5  # sentences about what was assumed
DATA_URL = re.compile(r"data:[^,]{0,200};base64,")
URL_SAFE = str.maketrans("-_", "+/")
FORM = '{"instances": [{"b64": "…"}]}, the base64 of a PNG, a TIFF, an NPY, or another file'


def is_file(content: Any) -> bool:
    """Whether what stands under ``"instances"`` is a file, or a list of files."""
    if isinstance(content, list):
        return bool(content) and isinstance(content[0], dict)
    return isinstance(content, dict)


def decode(content: Any, readers: Sequence[Reader], max_pixels: int) -> Images:
    """The images of files in JSON; several of one size are a stack.

    Args:
        content: ``{"b64": "…"}``, such an object as the value of its only key, or a list of these.
        readers: of the files, which are known by their first bytes.

    Raises:
        RequestError: or one of its kinds; see ``Reader.decode``.
    """
    if not isinstance(content, list):
        return _one(content, "instances", readers, max_pixels)
    if len(content) > MAX_FILES:
        raise RequestError(
            f"instances are {len(content):,} files; up to {MAX_FILES:,} are read; send the others "
            "in requests of their own, or all as the pages of one TIFF"
        )
    images: list[Images] = []
    for number, item in enumerate(content):
        one = _one(item, f"instance {number}", readers, max_pixels)
        if len(content) == 1 and one.pixels.ndim > 2 and one.axes[:1] in ("", "N"):
            return one  # a stack, or what only the model's channels can tell
        one = replace(one, axes=one.axes or "HW" * (one.pixels.ndim == 2))
        images.append(one)
        check_size((len(content), *images[0].pixels.shape), max_pixels)
        _check_alike(one, images[0], number)
    return _stacked(images)


def _stacked(images: Sequence[Images]) -> Images:
    """The images of files that are alike as one stack; what these do not agree on is not known."""
    first = images[0]
    assumed = tuple(dict.fromkeys(sentence for one in images for sentence in one.assumed))
    if len(assumed) > MOST:
        left = len(assumed) - MOST
        assumed = (*assumed[:MOST], f"{left} more were assumed of the files, and are left out here")
    if any(one.calibration != first.calibration for one in images):
        first = replace(first, calibration=UNKNOWN)
        assumed += (
            "the files have pixels of several sizes, or some of them tell none, and none is told "
            "in the answer",
        )
    if any(one.alpha != first.alpha for one in images):
        first = replace(first, alpha=None)
    pixels = np.stack([one.pixels for one in images])
    return replace(first, pixels=pixels, axes=f"N{first.axes}" * bool(first.axes), assumed=assumed)


def _check_alike(one: Images, first: Images, number: int) -> None:
    if len(one.pixels.shape) > 3 or one.axes.startswith("N"):
        raise RequestError(
            f"instance {number} is a stack, {times(one.pixels.shape)}; each of several holds one "
            "image; send stacks one by one"
        )
    kinds = [(image.pixels.shape, image.pixels.dtype) for image in (one, first)]
    if kinds[0] != kinds[1]:
        raise RequestError(
            f"instance {number} is {times(one.pixels.shape)} of {_bits(one)} bits, instance 0 is "
            f"{times(first.pixels.shape)} of {_bits(first)}; all images of a request have "
            "one size and depth; send the others in requests of their own"
        )
    if one.range != first.range:
        told = [_white(image) for image in (one, first)]
        raise RequestError(
            f"instance {number} tells {told[0]}, instance 0 {told[1]}; all images of a request "
            "have one range; send files of one kind, or each in a request of its own"
        )
    if one.axes != first.axes:
        told = ["×".join(image.axes) or "not told" for image in (one, first)]
        raise RequestError(
            f"instance {number} has the axes {told[0]}, instance 0 {told[1]}; all images of a "
            "request have the same; send files of one format, or each in a request of its own"
        )


def _bits(image: Images) -> int:
    kind = image.pixels.dtype
    return 1 if kind.kind == "b" else 8 * kind.itemsize


def _white(image: Images) -> str:
    """What the file of an image says of its values."""
    if image.range is None:
        return "no range of its values"
    return f"values from {image.range.black:g} (black) to {image.range.white:g} (white)"


def _one(content: Any, where: str, readers: Sequence[Reader], max_pixels: int) -> Images:
    data = _data(content, where)
    reader = sniffed(data, readers)
    if reader is None:
        raise RequestError(
            f"{where} begins with {data[:8]!r} once its base64 is undone, which is none of "
            f"{', '.join(reader.name for reader in readers if reader.signatures)}; send {FORM}"
        )
    return reader.decode(data, max_pixels)


def _data(content: Any, where: str) -> bytes:
    if isinstance(content, dict) and len(content) == 1 and KEY not in content:
        [content] = content.values()
    text = content.get(KEY) if isinstance(content, dict) else None
    if not isinstance(text, str):
        keys = sorted(content)[:5] if isinstance(content, dict) else type(content).__name__
        raise RequestError(f"{where} is no file: it has {keys}; send {FORM}, or a nested array")
    text = DATA_URL.sub("", text[:256], count=1) + text[256:]
    text = "".join(text.split()).translate(URL_SAFE)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise RequestError(f"{where} is not base64: {exc}; send {FORM}") from exc
