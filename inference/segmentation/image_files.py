"""PNG, JPEG and TIFF, through Pillow: read from requests, written to responses."""

import io
import warnings
import zlib
from dataclasses import replace

import numpy as np
from PIL import Image, ImageSequence

from . import media_types
from .errors import NotAcceptable, OutOfMemory, RequestError
from .images import Images, check_memory, check_size, from_array, times

FORMATS = {media_types.PNG: "PNG", media_types.JPEG: "JPEG", media_types.TIFF: "TIFF"}
MEDIA_TYPES = {name: media_type for media_type, name in FORMATS.items()}
READABLE_MODES = ("1", "L", "RGB", "F", "I;16", "I;16B", "I;16L", "I;16N")
JPEG_QUALITY = 95
STRIP_ROWS = 512

# The check on pixels is ours (UNET_MAX_PIXELS): made before decoding, with our own message.
Image.MAX_IMAGE_PIXELS = None


def decode(body: bytes, media_type: str, max_pixels: int) -> Images:
    """Decode an image file; the pages of a TIFF are a stack (N, H, W) or (N, H, W, C).

    An opaque alpha channel is dropped and a palette looked up; orientation tags are not applied,
    so that the mask fits the pixels as stored. PNGs of 16-bit colour are read at 8 bits.

    Raises:
        PayloadTooLarge: more than ``max_pixels``.
        OutOfMemory: the memory that is left would not hold it.
        RequestError: damaged, of another format than said, or with pixels that are no intensities.
    """
    allowed = (
        list(FORMATS.values()) if media_type == media_types.ANY_IMAGE else [FORMATS[media_type]]
    )
    try:
        with warnings.catch_warnings(action="ignore"), _open(body, media_type, allowed) as image:
            found = MEDIA_TYPES.get(
                str(image.format), media_types.JPEG
            )  # JPEGs may call themselves MPO
            pages = getattr(image, "n_frames", 1) if found == media_types.TIFF else 1
            shape = (pages, image.height, image.width, len(image.getbands()))
            check_size(shape, max_pixels)
            check_memory(shape)
            planes = _planes(image, pages, max_pixels)
    except (RequestError, OutOfMemory, MemoryError):
        raise
    except Exception as exc:  # a damaged file makes Pillow's readers raise almost anything
        raise RequestError(
            f"{media_type} cannot be decoded: {exc or type(exc).__name__}; the file is damaged or "
            "was cut; send it whole, as raw bytes"
        ) from exc
    pixels = np.stack(planes) if pages > 1 else planes[0]
    axes = ("N" if pages > 1 else "") + ("HWC" if planes[0].ndim == 3 else "HW")
    return replace(from_array(pixels, found), axes=axes)


def _open(body: bytes, media_type: str, allowed: list[str]) -> Image.Image:
    try:
        return Image.open(io.BytesIO(body), formats=allowed)
    except Image.UnidentifiedImageError as exc:
        raise RequestError(
            f"body begins with {bytes(body[:8])!r}, which is no {' or '.join(allowed)}; the body "
            f"of {media_type} is the bytes of the file; send them raw (curl --data-binary) and "
            "name their type in Content-Type"
        ) from exc


def _planes(image: Image.Image, pages: int, max_pixels: int) -> list[np.ndarray]:
    if pages == 1:
        return [_plane(image)]
    planes: list[np.ndarray] = []
    for page in ImageSequence.Iterator(image):
        check_size((pages, page.height, page.width), max_pixels)
        planes.append(_plane(page))
        if (planes[-1].shape, planes[-1].dtype) != (planes[0].shape, planes[0].dtype):
            raise RequestError(
                f"page {len(planes)} is {times(planes[-1].shape)} {planes[-1].dtype}, page 1 is "
                f"{times(planes[0].shape)} {planes[0].dtype}; a stack has pages of one size and "
                "type; send the others in requests of their own"
            )
    return planes


def _plane(image: Image.Image) -> np.ndarray:
    """One page -> (H, W) or (H, W, 3); bool, uint8, uint16 or float32."""
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")
        colors = np.asarray(image)[..., :3]
        gray = (colors == colors[..., :1]).all()
        image = image.convert("LA") if gray else image
    if image.mode in ("LA", "RGBA"):
        if np.asarray(image.getchannel("A")).min() < 255:
            raise RequestError(
                "image has an alpha channel that is not opaque; intensities have no transparency; "
                "flatten it on a background"
            )
        image = image.convert(image.mode[:-1])
    if image.mode not in READABLE_MODES:
        raise RequestError(
            f"image has pixels of Pillow's mode {image.mode!r}; gray or RGB of 8 bits, gray of 1 "
            "or 16 bits and float gray are read; convert it"
        )
    pixels = _array(image)
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def _array(image: Image.Image) -> np.ndarray:
    """As numpy.asarray, in strips: for a whole image that would hold it three times."""
    pixels: np.ndarray | None = None
    for top in range(0, image.height, STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, image.height)
        strip = np.asarray(image.crop((0, top, image.width, bottom)))
        if pixels is None:
            pixels = np.empty((image.height, *strip.shape[1:]), strip.dtype)
        pixels[top:bottom] = strip
    assert pixels is not None, "Pillow opens no empty image"
    return pixels


def encode(planes: np.ndarray, media_type: str) -> bytes:
    """Encode planes as an image file.

    Args:
        planes: (P, H, W) uint8, uint16 or float32, or (P, H, W, 3) uint8. P > 1 and float32 only
            as TIFF, uint16 not as JPEG.
        media_type: PNG, JPEG or TIFF.

    Raises:
        NotAcceptable: the format cannot hold an image of that size.
    """
    first, *others = (Image.fromarray(plane) for plane in planes)
    file = io.BytesIO()
    try:
        first.save(file, FORMATS[media_type], **_save_options(planes, media_type, others))
    except (OSError, ValueError) as exc:
        raise NotAcceptable(
            f"{media_type} cannot hold {times(planes.shape[1:])} pixels: {exc}; accept image/png "
            "or application/x-npy"
        ) from exc
    return file.getvalue()


def _save_options(planes: np.ndarray, media_type: str, others: list[Image.Image]) -> dict:
    if media_type == media_types.PNG:
        if planes.dtype == np.uint8 and planes.ndim == 3:  # a mask is flat: see docs/decisions.md
            return {"compress_level": 2, "compress_type": zlib.Z_RLE}
        return {"compress_level": 1}
    if media_type == media_types.JPEG:
        return {"quality": JPEG_QUALITY}
    compression = None if planes.dtype == np.float32 else "tiff_adobe_deflate"
    return {"save_all": True, "append_images": others, "compression": compression}
