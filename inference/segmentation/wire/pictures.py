"""PNG and JPEG, through Pillow."""

import io
import warnings
import zlib
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from PIL import Image, ImageSequence

from ..answers import Prediction
from ..channels import MAX_CHANNELS
from ..errors import NotAcceptable, OutOfMemory, RequestError
from ..images import Images, check_memory, check_size, stored, times
from . import media_types
from .format import Format, sniffed

READABLE_MODES = ("1", "L", "LA", "RGB", "RGBA", "F", "I;16", "I;16B", "I;16L", "I;16N")
JPEG_QUALITY = 95
BITS_PER_SAMPLE, SAMPLES_PER_PIXEL, PLANAR_CONFIGURATION = 258, 277, 284  # tags of TIFF
SEPARATE = 2  # planes, of the last one
STRIP_ROWS = 512

# The check of the size is ours: made before decoding, with our own message.
Image.MAX_IMAGE_PIXELS = None


class Picture(Format):
    """A format that Pillow reads and writes; its name is Pillow's.

    Attributes:
        largest: the value of white. Probabilities, 0–1, are spread over 0 to it, unless the format
            holds floats.
        floats: whether it holds float32.
    """

    picture = True
    largest: ClassVar[int]
    floats: ClassVar[bool] = False

    def decode(self, body: bytes, max_pixels: int) -> Images:
        return read(body, self.media_type, [self], max_pixels)

    def encode(self, prediction: Prediction) -> bytes:
        planes = self._stored(prediction.planes)
        first, *others = (Image.fromarray(plane) for plane in planes)
        file = io.BytesIO()
        try:
            first.save(file, self.name, **self._save_options(planes, others))
        except (OSError, ValueError) as exc:
            raise NotAcceptable(
                f"{self.media_type} cannot hold {times(planes.shape[1:])} pixels: {exc}; accept "
                "image/png or application/x-npy"
            ) from exc
        return file.getvalue()

    def _stored(self, planes: np.ndarray) -> np.ndarray:
        """Planes as the format stores them: float32 0–1 may become whole numbers."""
        if planes.dtype.kind != "f" or self.floats:
            return planes
        whole = np.rint(planes.clip(0, 1) * self.largest)  # else what is outside would wrap
        return whole.astype(np.min_scalar_type(self.largest))

    @abstractmethod
    def _save_options(self, planes: np.ndarray, others: list[Image.Image]) -> dict:
        """Options of Pillow's writer; ``others`` are the planes after the first."""


class Png(Picture):
    """One plane: gray of 8 or 16 bits, or colour of 8 bits."""

    name = "PNG"
    media_type = media_types.PNG
    suffixes = (".png",)
    signatures = (b"\x89PNG\r\n\x1a\n",)
    many_planes = False
    place = 1
    largest = 65_535

    def _save_options(self, planes: np.ndarray, others: list[Image.Image]) -> dict:
        if planes.dtype == np.uint8 and planes.ndim == 3:  # a mask is flat: see docs/decisions.md
            return {"compress_level": 2, "compress_type": zlib.Z_RLE}
        return {"compress_level": 1}


class Jpeg(Picture):
    """One plane: gray or colour of 8 bits, blurred."""

    name = "JPEG"
    media_type = media_types.JPEG
    aliases = ("image/jpg",)
    suffixes = (".jpg", ".jpeg")
    signatures = (b"\xff\xd8\xff",)
    many_planes = False
    place = 8
    largest = 255

    @property
    def in_kind(self) -> str:
        return media_types.PNG  # a mask is not blurred, unless the client asks for it

    def _save_options(self, planes: np.ndarray, others: list[Image.Image]) -> dict:
        return {"quality": JPEG_QUALITY}


class AnyPicture:
    """``application/x-image``: the body's first bytes tell which of the picture formats it is."""

    media_type = media_types.ANY_IMAGE

    def __init__(self, formats: Sequence[Format]):
        self._formats = formats

    def decode(self, body: Any, max_pixels: int) -> Images:
        """Decode a picture of any of the formats; see ``Format.decode``."""
        return read(body, self.media_type, self._formats, max_pixels)


def read(body: bytes, media_type: str, formats: Sequence[Format], max_pixels: int) -> Images:
    """Decode a picture; the pages of a TIFF are a stack (N, H, W) or (N, H, W, C).

    Alpha is a channel as others are, the last one, and a palette is looked up; orientation tags are
    not applied, so that the mask fits the pixels as stored. PNGs of 16-bit colour are read at 8
    bits.

    Args:
        body: of the request.
        media_type: what the request says it is, for messages.
        formats: which ones it may be.
        max_pixels: the most pixels to accept.

    Raises:
        PayloadTooLarge: more than ``max_pixels``.
        OutOfMemory: the memory that is left would not hold it.
        RequestError: damaged, of another format than said, or with pixels that are no intensities.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            file_format, image = _open(body, media_type, formats)
            with image:
                pages = getattr(image, "n_frames", 1) if file_format.many_planes else 1
                shape = (pages, image.height, image.width, len(image.getbands()))
                check_size(shape, max_pixels)
                check_memory(shape)
                planes = _planes(image, pages, max_pixels)
    except (RequestError, OutOfMemory, MemoryError):
        raise
    except Exception as exc:  # a damaged file makes Pillow's readers raise almost anything
        reason = str(exc) or type(exc).__name__
        raise RequestError(
            f"{media_type} cannot be decoded: {reason}; the file is damaged or was cut; send it "
            "whole, as raw bytes"
        ) from exc
    pixels = np.stack(planes) if pages > 1 else planes[0]
    axes = ("N" if pages > 1 else "") + ("HWC" if planes[0].ndim == 3 else "HW")
    return stored(pixels, file_format.media_type, axes)


def _open(body: bytes, media_type: str, formats: Sequence[Format]) -> tuple[Format, Image.Image]:
    """The format of a picture, and the picture with its header read."""
    file_format = sniffed(body, formats)
    if file_format is None:
        raise _no_picture(body, media_type, formats)
    try:
        return file_format, Image.open(io.BytesIO(body), formats=[file_format.name])
    except Image.UnidentifiedImageError as exc:
        raise RequestError(
            f"body is damaged, or a {file_format.name} of a kind that is not read: gray and colour "
            f"of 8 bits, gray of 1 and 16 bits and float gray are; convert it, or send "
            f"application/x-npy, for up to {MAX_CHANNELS} channels"
        ) from exc


def _no_picture(body: bytes, media_type: str, formats: Sequence[Format]) -> RequestError:
    names = " or ".join(format.name for format in formats)
    return RequestError(
        f"body begins with {bytes(body[:8])!r}, which is no {names}; the body of {media_type} is "
        "the bytes of the file; send them raw (curl --data-binary) and name their type in "
        "Content-Type"
    )


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
    """One page -> (H, W) or (H, W, 2 to 4); bool, uint8, uint16 or float32."""
    _check_samples(image)
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")
        colors = np.asarray(image)[..., :3]
        gray = (colors == colors[..., :1]).all()
        image = image.convert("LA") if gray else image
        opaque = np.asarray(image.getchannel("A")).min() == 255
        image = image.convert(image.mode[:-1]) if opaque else image
    if image.mode not in READABLE_MODES:
        raise RequestError(
            f"image has pixels of Pillow's mode {image.mode!r}; gray or RGB of 8 bits, gray of 1 "
            "or 16 bits and float gray are read; convert it"
        )
    pixels = _array(image)
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def _check_samples(image: Image.Image) -> None:
    """Refuse TIFFs of which Pillow would leave channels out, or take bytes for others."""
    tags = getattr(image, "tag_v2", None)
    if tags is None:
        return
    stored, bits = tags.get(SAMPLES_PER_PIXEL, 1), max(tags.get(BITS_PER_SAMPLE, (1,)))
    planar = stored > 1 and tags.get(PLANAR_CONFIGURATION) == SEPARATE
    if stored != len(image.getbands()) or (planar and bits != 8):
        raise RequestError(
            f"TIFF has {stored} channels of {bits} bits{', in planes' * planar}; up to 4 channels "
            "of 8 bits are read of colour; send others as application/x-npy"
        )


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
