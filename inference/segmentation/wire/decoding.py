"""From the bytes of a request to images.

Sizes are checked before a pixel is decoded, wherever the format tells them. Errors of the
libraries underneath become errors of ``segmentation.errors`` in the formats.
"""

import contextlib
import gc
from collections.abc import Iterator

from ..errors import RequestError, UnsupportedMediaType
from ..images import Images, check_size
from . import formats, media_types


def decode(body: bytes | str, content_type: str | None, max_pixels: int) -> Images:
    """Images of a body that names no range of its intensities; see ``read``.

    Raises:
        RequestError: values are outside of the range that the file or the type tells.
    """
    return read(body, content_type, max_pixels).with_range()


def read(body: bytes | str, content_type: str | None, max_pixels: int) -> Images:
    """Decode the body of a request.

    Args:
        body: as it came; text may already be decoded to str.
        content_type: the header's value, or None.
        max_pixels: the most pixels (N * H * W) to accept.

    Returns:
        The images; at least one pixel, their range still to be settled.

    Raises:
        UnsupportedMediaType: the content type is none of ``formats.READERS``.
        PayloadTooLarge: more than ``max_pixels``.
        OutOfMemory: the memory that is left would not hold them.
        RequestError: anything else that is wrong with the body.
    """
    name = formats.canonical(media_types.parse(content_type or "")[0])
    reader = formats.READERS.get(name)
    if reader is None:
        came = f"Content-Type is {content_type!r}" if content_type else "Content-Type is missing"
        raise UnsupportedMediaType(
            f"{came}; images are read from {', '.join(formats.READERS)}; "
            "send one of these and name it in the Content-Type header"
        )
    if not body:
        raise RequestError(f"body is empty; {name} must hold an image; send its bytes as the body")
    with _no_garbage_collection():
        images = reader.decode(body, max_pixels)
    check_size(images.pixels.shape, max_pixels)
    return images


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
