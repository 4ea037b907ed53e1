"""From the bytes of a request to images.

Sizes are checked before a pixel is decoded, wherever the format tells them. Errors of the
libraries underneath become errors of ``segmentation.errors`` in the formats.
"""

import contextlib
import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath

from ..errors import RequestError, UnsupportedMediaType
from ..images import Images, check_size
from . import body as of_requests
from . import foreign, formats, joined, media_types
from .format import Reader, sniffed
from .pictures.written import AnyPicture

MAX_BYTES = 100 << 20  # of a body whose coding was undone
TEXT_BEGINS = ("{", "[")
BEGINNING = 64  # bytes
MARK = "\ufeff".encode()


def decode(body: bytes | bytearray | str, content_type: str | None, max_pixels: int) -> Images:
    """Images of a body that names no range of its intensities; see ``read``.

    Raises:
        RequestError: values are outside of the range that the file or the type tells.
    """
    return read(body, content_type, max_pixels).with_range()


def read(
    body: bytes | bytearray | str,
    content_type: str | None,
    max_pixels: int,
    content_encoding: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> Images:
    """Decode the body of a request.

    Args:
        body: as it came; text may already be decoded to str.
        content_type: the header's value, or None.
        max_pixels: the most pixels (N * H * W) to accept.
        content_encoding: the value of that header, or None.
        max_bytes: the most that the body may have once its coding is undone.

    Returns:
        The images; at least one pixel, their range still to be settled. Of a form, they are those
        of its file, and its other fields are their parameters.

    Raises:
        UnsupportedMediaType: the content type is none of ``formats.READERS``, or the coding is
            none that is undone.
        PayloadTooLarge: more than ``max_pixels``, or ``max_bytes``.
        OutOfMemory: the memory that is left would not hold them.
        RequestError: anything else that is wrong with the body.
    """
    opened = of_requests.opened(body, content_type, content_encoding, max_bytes)
    body, content_type = _without_mark(opened.body), opened.content_type
    name = formats.canonical(media_types.parse(content_type or "")[0])
    if not body:
        what = name if name in formats.READERS else "body"
        raise RequestError(f"body is empty; {what} must hold an image; send its bytes as the body")
    reader = _reader(name, body, content_type, opened.filename)
    if not isinstance(body, str):
        joined.check_alone(body)
    with _no_garbage_collection():
        images = reader.decode(body, max_pixels)
    check_size(images.pixels.shape, max_pixels)
    if opened.parameters:
        images = replace(images, parameters={**images.parameters, **opened.parameters})
    return images


def _reader(
    name: str, body: bytes | bytearray | str, content_type: str | None, filename: str
) -> Reader | AnyPicture:
    """What reads a body of that type, or of one that says nothing.

    Raises:
        UnsupportedMediaType: nothing does.
    """
    known = formats.READERS.get(name)
    seen = told_by_body(body) if filename or name in media_types.UNTOLD else None
    # programs name the type of a file in a form by the suffix that it happens to have
    if seen is not None and (known is None or seen.picture):
        known = seen
    if known is None and (filename or name in media_types.UNTOLD):
        known = formats.BY_SUFFIX.get(PurePath(filename).suffix.lower())
    if known is not None:
        return known
    came = f"Content-Type is {content_type!r}" if content_type else "Content-Type is missing"
    if filename:
        came = f"file is {filename!r}, its {came}"
    if name == media_types.URL_ENCODED:
        raise UnsupportedMediaType(
            f"{came}, which curl sends where none is named, and the body is no file; send the "
            "bytes of the file, which -d would change, and name their type: curl --data-binary "
            "@image.png -H 'Content-Type: image/png'"
        )
    if name in media_types.UNTOLD:
        begin = body[:8] if isinstance(body, str) else bytes(body[:8])
        told = foreign.advice(body) or "which tells no format either"
        came += f", and the body begins with {begin!r}, {told}"
    raise UnsupportedMediaType(
        f"{came}; images are read from {', '.join(formats.READERS)}; send one of these and name it "
        "in the Content-Type header"
    )


def told_by_body(body: bytes | bytearray | str) -> Reader | None:
    """The reader that the first bytes of a body tell; None: they tell none."""
    begin = body[:BEGINNING]
    text = begin if isinstance(begin, str) else begin.decode("latin-1")
    if text.lstrip().startswith(TEXT_BEGINS):
        return formats.BY_MEDIA_TYPE[media_types.JSON]
    return None if isinstance(body, str) else sniffed(body, formats.ALL_READERS)


def _without_mark(body: bytes | bytearray | str) -> bytes | bytearray | str:
    """Without the mark of UTF-8 that programs of Windows put before a text."""
    mark = "\ufeff" if isinstance(body, str) else MARK
    return body[len(mark) :] if body.startswith(mark) else body  # type: ignore[arg-type]


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Half a million lists make it look through all of TensorFlow's objects again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
