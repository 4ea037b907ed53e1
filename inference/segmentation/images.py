"""The images of a request as an array, and the rules that every image must meet.

An *intensity* is a number from 0, black, to 1, white; networks take float32 intensities. What
images are stored as becomes intensities here, and nowhere else: uint8 / 255, uint16 / 65535, bool
as 0 and 1, floats as they are.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from . import machine
from .errors import OutOfMemory, PayloadTooLarge, RequestError

SCALES = {np.dtype(np.uint8): 1 / 255, np.dtype(np.uint16): 1 / 65535, np.dtype(bool): 1.0}
EIGHT_BITS = 255  # the largest value of 8 bits; text formats hold numbers from 0 to it
# decoded, converted, the mask, and the mask encoded: a byte or two each
BYTES_PER_VALUE = 6
MAX_COLOUR_CHANNELS = 4  # a last axis this short holds channels: gray, gray and alpha, RGB, RGBA


@dataclass(frozen=True)
class Images:
    """The images of one request, as they came.

    Attributes:
        pixels: the array as decoded; uint8, uint16, bool or float32.
        scale: the factor that makes intensities of ``pixels``.
        axes: "HW", "HWC", "NHW" or "NHWC"; "" where only the model's channel count can tell.
        media_type: what the request was, so that it can be answered in kind; "" of arrays.
    """

    pixels: np.ndarray
    scale: float
    axes: str = ""
    media_type: str = ""

    def for_channels(self, channels: int) -> "Images":
        """The same images with their axes settled for a model of that many channels.

        Raises:
            RequestError: the array cannot be images of that many channels.
        """
        axes = self.axes or _axes_of(self.pixels.shape, channels)
        sent = self.pixels.shape[-1] if axes.endswith("C") else 1
        if sent != channels:
            raise RequestError(_wrong_channels(self.pixels.shape, sent, channels))
        return replace(self, axes=axes)

    @property
    def batch(self) -> np.ndarray:
        """The pixels as (N, H, W, C), a view. The axes must have been settled."""
        pixels = self.pixels if self.axes.startswith("N") else self.pixels[None]
        return pixels if self.axes.endswith("C") else pixels[..., None]

    def intensities(self, pixels: np.ndarray) -> np.ndarray:
        """Some of the pixels, of any shape, as float32 intensities."""
        return np.multiply(pixels, self.scale, dtype=np.float32, casting="unsafe")

    def eight_bits(self, pixels: np.ndarray) -> np.ndarray:
        """Some of the pixels, of any shape, as uint8 for a picture."""
        return np.rint(pixels * np.float32(self.scale * EIGHT_BITS)).astype(np.uint8)

    @property
    def stacked(self) -> bool:
        """Whether the request has a stack axis, which the answer then has, too."""
        return self.axes.startswith("N")


def _axes_of(shape: tuple[int, ...], channels: int) -> str:
    if len(shape) == 3:
        has_channels = shape[-1] == channels or channels > 1 or shape[-1] in (3, 4)
        return "HWC" if has_channels else "NHW"
    return {2: "HW", 4: "NHWC"}[len(shape)]


def _wrong_channels(shape: tuple[int, ...], sent: int, channels: int) -> str:
    came = f"image is {times(shape)}, {_count(sent, 'channel')}"
    rule = f"this model takes {_count(channels, 'channel')}"
    if channels == 1 and len(shape) == 3:
        remedy = "convert it to grayscale (a stack this narrow must be sent as N×H×W×1)"
    elif channels == 1:
        remedy = "convert it to grayscale"
    else:
        remedy = f"send it as H×W×{channels} or N×H×W×{channels}"
    return f"{came}; {rule}; {remedy}"


def from_array(array: np.ndarray, media_type: str = "", axes: str = "") -> Images:
    """Images of an array of uint8, uint16, bool, or floats that are intensities already.

    Raises:
        RequestError: another dtype, an empty array, other than 2 to 4 axes, floats that are no
            intensities.
    """
    if array.dtype.kind == "f":
        array = array.astype(np.float32, copy=False)
        check_shape(array.shape)
        check_range(array, 1, "float intensities", "divide by the largest possible value")
        return Images(array, 1.0, axes, media_type)
    scale = SCALES.get(array.dtype.newbyteorder("="))
    if scale is None:
        raise RequestError(
            f"array has dtype {array.dtype}; intensities are uint8 (0–255), uint16 (0–65535), "
            "bool, or float (0–1); convert it with .astype()"
        )
    check_shape(array.shape)
    return Images(array, scale, axes, media_type)


def from_numbers(array: np.ndarray, media_type: str, axes: str = "") -> Images:
    """Images of numbers from 0 to 255, whole or not, as text formats hold them.

    Args:
        array: uint8 or float32, of 2 to 4 axes, checked by ``check_range``.
    """
    return Images(array, 1 / EIGHT_BITS, axes, media_type)


def check_shape(shape: tuple[int, ...], what: str = "array") -> None:
    """Refuse what is no image by its axes, and what is empty."""
    if not 2 <= len(shape) <= 4:
        came = f"{what} has {_count(len(shape), 'axis', 'axes')}" + (
            f" ({times(shape)})" if shape else ""
        )
        raise RequestError(f"{came}; images are H×W, H×W×C, N×H×W or N×H×W×C; reshape it")
    if 0 in shape:
        raise RequestError(f"{what} is {times(shape)}, which is empty; send at least one pixel")


def check_size(shape: tuple[int, ...], max_pixels: int) -> None:
    """Refuse more pixels than the server takes; to be called before they are decoded.

    Raises:
        PayloadTooLarge: more than ``max_pixels``.
    """
    channels = len(shape) > 2 and shape[-1] <= MAX_COLOUR_CHANNELS
    pixels = math.prod(shape[:-1] if channels else shape)
    if pixels > max_pixels:
        raise PayloadTooLarge(
            f"request is {times(shape)}, {pixels:,} pixels; this server takes {max_pixels:,} "
            "(`max_pixels`); cut it into parts, or raise the limit"
        )


def check_memory(shape: tuple[int, ...]) -> None:
    """Refuse images that will not fit into the memory; to be called before they are decoded.

    Raises:
        OutOfMemory: the memory that is left would not hold them.
    """
    needed, left = BYTES_PER_VALUE * math.prod(shape), machine.available_memory()
    if needed > left:
        raise OutOfMemory(
            f"request is {times(shape)} and needs about {needed >> 20:,} MB of memory; "
            f"{left >> 20:,} MB are left; cut it into parts, or give the server more"
        )


def check_range(array: np.ndarray, maximum: int, what: str, remedy: str) -> None:
    """Refuse NaN and values outside 0–maximum."""
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= maximum):  # false for NaN, too
        raise RequestError(f"values go from {low:g} to {high:g}; {what} are 0–{maximum}; {remedy}")


def times(shape: tuple[int, ...]) -> str:
    """(600, 700, 3) -> "600×700×3"."""
    return "×".join(map(str, shape))


def _count(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
