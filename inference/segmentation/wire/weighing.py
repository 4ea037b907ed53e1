"""What images cost is known from their headers, and weighed before a pixel is decoded."""

import contextlib
import warnings
from collections.abc import Iterator

from ..errors import RequestError, SegmentationError
from ..images import check_memory, check_shape, check_size

MAX_FRAMES = 4096  # of an animation


def weigh(shape: tuple[int, ...], max_pixels: int, itemsize: int = 1) -> None:
    """Refuse images that are empty, too large, or more than the memory holds.

    Args:
        shape: (H, W), (H, W, C), (N, H, W) or (N, H, W, C).
        max_pixels: the most of them, N * H * W.
        itemsize: the bytes of a value; more of them where the decoder needs more.

    Raises:
        RequestError: an empty image.
        PayloadTooLarge: more than ``max_pixels``.
        OutOfMemory: the memory that is left would not hold them.
    """
    check_shape(shape, "image")
    check_size(shape, max_pixels)
    check_memory(shape, itemsize)


def check_frames(frames: int) -> None:
    """Refuse animations of so many frames that decoding them would take the server.

    Raises:
        RequestError: more than MAX_FRAMES.
    """
    if frames > MAX_FRAMES:
        raise RequestError(
            f"animation has {frames:,} frames; up to {MAX_FRAMES:,} are read; send them as a TIFF, "
            "or in several requests"
        )


@contextlib.contextmanager
def decoding(media_type: str) -> Iterator[None]:
    """Turn whatever a decoder raises into an error of the request.

    Raises:
        RequestError: of the decoder, with its reason.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except (SegmentationError, MemoryError):
        raise
    except Exception as exc:  # on damaged files decoders raise almost anything
        reason = str(exc) or type(exc).__name__
        raise RequestError(
            f"{media_type} cannot be decoded: {reason}; the file is damaged, was cut, or is of a "
            "kind that is not read; send it whole, as raw bytes, or as image/png or "
            "application/x-npy"
        ) from exc
