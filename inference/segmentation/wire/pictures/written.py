"""PNG and JPEG, which Pillow writes, and the media type that leaves open which picture it is."""

import io
import zlib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from ...answers import Prediction
from ...calibration import INCH, Calibration
from ...channels import times
from ...errors import NotAcceptable
from ...images import Images, check_size
from .. import media_types
from ..format import Format, Reader, check_begins
from ..weighing import check_frames, decoding
from . import jpeg, pillow, png

JPEG_QUALITY = 95


class Picture(Format):
    """A format that Pillow reads and writes; its name is Pillow's.

    Attributes:
        largest: the value of white; probabilities, 0–1, are spread over 0 to it.
        most_dots_per_inch: the smallest size of a pixel that it can say.
    """

    picture = True
    largest: ClassVar[int]
    most_dots_per_inch: ClassVar[float] = 65_535  # of 16 bits, as of JPEG

    def decode(self, body: bytes, max_pixels: int) -> Images:
        check_begins(body, self.media_type, [self])
        return pillow.read(body, self.name, self.media_type, max_pixels, self.many_planes)

    def encode(self, prediction: Prediction) -> bytes:
        planes = self._stored(prediction.planes)
        first, *others = (self._image(plane, prediction) for plane in planes)
        file = io.BytesIO()
        try:
            options = self._save_options(planes, others)
            first.save(file, self.name, **options, **self._dots(prediction.images.calibration))
        except (OSError, ValueError) as exc:
            raise NotAcceptable(
                f"{self.media_type} cannot hold {times(planes.shape[1:])} pixels: {exc}; accept "
                "image/png or application/x-npy"
            ) from exc
        return file.getvalue()

    def _stored(self, planes: np.ndarray) -> np.ndarray:
        """Planes as the format stores them: float32 0–1 may become whole numbers."""
        if planes.dtype.kind != "f":
            return planes
        whole = np.rint(planes.clip(0, 1) * self.largest)  # else what is outside would wrap
        return whole.astype(np.min_scalar_type(self.largest))

    def _dots(self, calibration: Calibration) -> dict[str, tuple[float, float]]:
        """Pillow's option for the size of a pixel, where it is known and the format can say it."""
        if calibration.micrometers is None:
            return {}
        height, width = calibration.micrometers
        dots_per_inch = (INCH / width, INCH / height)
        fits = all(1 <= dots <= self.most_dots_per_inch for dots in dots_per_inch)
        return {"dpi": dots_per_inch} if fits else {}

    def _image(self, plane: np.ndarray, prediction: Prediction) -> Image.Image:
        return Image.fromarray(plane)

    @abstractmethod
    def _save_options(self, planes: np.ndarray, others: list[Image.Image]) -> dict:
        """Options of Pillow's writer; ``others`` are the planes after the first."""


class Png(Picture):
    """One plane: gray of 8 or 16 bits, or colour of 8 bits."""

    name = "PNG"
    media_type = media_types.PNG
    aliases = ("image/apng", "image/x-png")
    suffixes = (".png",)
    signatures = (png.SIGNATURE,)
    many_planes = False
    place = 1
    largest = 65_535
    most_dots_per_inch = 2**31 * 0.0254  # it counts them per meter, in 31 bits

    def decode(self, body: bytes, max_pixels: int) -> Images:
        """Images of any PNG: 16 bits are kept, and the frames of an animation are a stack."""
        check_begins(body, self.media_type, [self])
        with decoding(self.media_type):
            header, body = png.read_header(body)
            check_frames(header.frames)
            animated, hidden = header.frames > 1, int(header.hides_first)
            in_bytes = header.bits == 8 and header.color != png.PALETTE and not animated
            if header.bits == 16 or in_bytes:
                images = png.read_whole_bytes(header, body, max_pixels, self.media_type)
            else:
                check_size((header.height, header.width), max_pixels)
                png.check_rows(header, body)
                images = pillow.read(
                    body, self.name, self.media_type, max_pixels, animated, hidden * animated
                )
            told = png.told_range(images.pixels, header)
        alpha = header.has_alpha or images.alpha
        return replace(images, range=told, alpha=alpha, calibration=header.calibration)

    def encode(self, prediction: Prediction) -> bytes:
        planes, colored = prediction.planes, prediction.answer.palette is not None
        if _is_flat(planes) and not colored and max(planes.shape[1:]) <= png.LONGEST_SIDE:
            return png.written_flat(planes[0], prediction.images.calibration)
        return super().encode(prediction)

    def _image(self, plane: np.ndarray, prediction: Prediction) -> Image.Image:
        """Indices of classes stay what they are, and have the colours of these beside them."""
        image, palette = Image.fromarray(plane), prediction.answer.palette
        if palette is not None and image.mode == "L":
            image.putpalette(palette.tobytes())
        return image

    def _save_options(self, planes: np.ndarray, others: list[Image.Image]) -> dict:
        if _is_flat(planes):
            return {"compress_level": 2, "compress_type": zlib.Z_RLE}
        return {"compress_level": 1}


def _is_flat(planes: np.ndarray) -> bool:
    """Whether planes are masks or classes, and no picture: see docs/decisions.md."""
    return planes.dtype == np.uint8 and planes.ndim == 3


class Jpeg(Picture):
    """One plane: gray or colour of 8 bits, blurred."""

    name = "JPEG"
    media_type = media_types.JPEG
    aliases = ("image/jpg", "image/pjpeg")
    suffixes = (".jpg", ".jpeg")
    signatures = (jpeg.START,)
    many_planes = False
    place = 8
    largest = 255

    def begins(self, body: bytes | bytearray) -> bool:
        return super().begins(body) and not jpeg.JpegLs().begins(body)

    def decode(self, body: bytes, max_pixels: int) -> Images:
        """Images of any JPEG, those of more than 8 bits included."""
        check_begins(body, self.media_type, [self])
        header = jpeg.read_header(body)
        jpeg.check_scans(header, body)
        if header.bits != 8 or header.frame == jpeg.LOSSLESS:
            return jpeg.read_unusual(header, body, max_pixels, self.media_type)
        images = super().decode(body, max_pixels)
        return replace(images, alpha=False, calibration=header.calibration)

    @property
    def in_kind(self) -> str:
        return media_types.PNG  # a mask is not blurred, unless the client asks for it

    def _save_options(self, planes: np.ndarray, others: list[Image.Image]) -> dict:
        return {"quality": JPEG_QUALITY}


class AnyPicture:
    """``application/x-image``: the body's first bytes tell which of the pictures it is."""

    media_type = media_types.ANY_IMAGE

    def __init__(self, readers: Sequence[Reader]):
        self._readers = readers

    def decode(self, body: Any, max_pixels: int) -> Images:
        """Decode a picture of any kind; see ``Reader.decode``."""
        return check_begins(body, self.media_type, self._readers).decode(body, max_pixels)
