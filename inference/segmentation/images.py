"""The images of a request as an array, and the rules that every image must meet.

An *intensity* is a number from 0, black, to 1, white; networks take float32 intensities. What
images are stored as becomes intensities here, and nowhere else: uint8 / 255, uint16 / 65535, bool
as 0 and 1, floats as they are. The exception is what code of the user makes for its own network
(``as_given``).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from . import channels as of_channels
from . import machine
from .array_like import ArrayLike
from .channels import ALPHA, count, looks_like_channels
from .channels import MAX_COLOUR_CHANNELS as MAX_COLOUR_CHANNELS
from .channels import times as times
from .errors import OutOfMemory, PayloadTooLarge, RequestError

SCALES = {np.dtype(np.uint8): 1 / 255, np.dtype(np.uint16): 1 / 65535, np.dtype(bool): 1.0}
EIGHT_BITS = 255  # the largest value of 8 bits; text formats hold numbers from 0 to it
# decoded, converted, the mask, and the mask encoded: a byte or two each
BYTES_PER_VALUE = 6


@dataclass(frozen=True, eq=False)
class Images(ArrayLike):
    """The images of one request, as they came. Functions of users may take them for an array: that
    of ``pixels``, in the shape and the type that were sent.

    Attributes:
        pixels: the array as decoded; uint8, uint16, bool or float32.
        scale: the factor that makes intensities of ``pixels``.
        axes: "HW", "HWC", "NHW" or "NHWC"; "" where only the model's channel count can tell.
        media_type: what the request was, so that it can be answered in kind; "" of arrays.
        as_given: whether they are what the network takes, of any range, and no intensities.
        taken: which of the channels the model takes; None: all.
        repeats: how often the only one of these is repeated for it.
    """

    pixels: np.ndarray
    scale: float
    axes: str = ""
    media_type: str = ""
    as_given: bool = False
    taken: slice | None = None
    repeats: int = 1

    def for_channels(self, channels: int, chosen: Sequence[int] | None = None) -> "Images":
        """The same images with their axes settled for a model of that many channels.

        A gray image suits a model of three channels, one whose colours are gray a model of one, and
        an opaque alpha channel is dropped; see ``channels``.

        Args:
            channels: of the model.
            chosen: which of the channels to take, counted from 0; None: as they are.

        Raises:
            RequestError: the array cannot be images of that many channels, or lacks a chosen one.
        """
        axes = self.axes or of_channels.axes_of(self.pixels.shape, channels, chosen is not None)
        images = replace(self, axes=axes)
        sent = images.batch.shape[-1]
        if chosen is not None:
            of_channels.check_chosen(chosen, sent, channels, self.pixels.shape)
            images = images._only(chosen)
        elif sent != channels:
            taken = of_channels.fitting(images.batch, channels, self._white, self.pixels.shape)
            images = replace(images, taken=taken)
        return replace(images, repeats=channels // images.batch.shape[-1])

    def _only(self, chosen: Sequence[int]) -> "Images":
        taken = of_channels.as_slice(chosen)
        if taken is not None:
            return replace(self, taken=taken)
        axes = self.axes.removesuffix("C") + "C"
        pixels = self.pixels if self.axes == axes else self.pixels[..., None]
        return replace(self, pixels=pixels[..., list(chosen)], axes=axes)

    @property
    def channels(self) -> int:
        """How many were sent, as far as that can be told without a model; without opaque alpha."""
        batch = replace(self, axes=self.axes or of_channels.likely_axes(self.pixels.shape)).batch
        sent = batch.shape[-1]
        has_alpha = sent in ALPHA and of_channels.is_opaque(batch, self._white)
        return ALPHA[sent] if has_alpha else sent

    @property
    def batch(self) -> np.ndarray:
        """The pixels as (N, H, W, C), a view. The axes must have been settled."""
        pixels = self.pixels if self.axes.startswith("N") else self.pixels[None]
        pixels = pixels if self.axes.endswith("C") else pixels[..., None]
        pixels = pixels if self.taken is None else pixels[..., self.taken]
        if self.repeats == 1:
            return pixels
        return np.broadcast_to(pixels, (*pixels.shape[:3], self.repeats))

    def intensities(self, pixels: np.ndarray) -> np.ndarray:
        """Some of the pixels, of any shape, as float32 intensities; those as given as they are."""
        return np.multiply(pixels, self.scale, dtype=np.float32, casting="unsafe")

    def eight_bits(self, pixels: np.ndarray) -> np.ndarray:
        """Some of the pixels, of any shape, as uint8 for a picture.

        Those as given go from black, the least of all, to white, the largest.
        """
        if self.as_given:
            low, high = self._range
            pixels = (pixels - low) / max(high - low, np.finfo(np.float32).tiny)
        return np.rint(pixels * np.float32(self.scale * EIGHT_BITS)).astype(np.uint8)

    @property
    def stacked(self) -> bool:
        """Whether the request has a stack axis, which the answer then has, too."""
        return self.axes.startswith("N")

    @property
    def _white(self) -> float:
        """What intensity 1 is stored as."""
        return float(np.rint(1 / self.scale))

    @cached_property
    def _range(self) -> tuple[np.float32, np.float32]:
        return self.pixels.min(), self.pixels.max()


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


def as_given(array: np.ndarray, media_type: str = "") -> Images:
    """Images that code of the user made: floats of any range are what its network takes.

    Args:
        array: floats, or uint8, uint16 and bool, which are intensities as in ``from_array``.

    Raises:
        RequestError: another dtype, an empty array, other than 2 to 4 axes, NaN or infinity.
    """
    if array.dtype.kind != "f":
        return from_array(array, media_type)
    with np.errstate(over="ignore"):  # of float64, which is then found to be infinite
        array = array.astype(np.float32, copy=False)
    check_shape(array.shape)
    if not (np.isfinite(array.min()) and np.isfinite(array.max())):
        raise RequestError(
            "array holds NaN or infinity, or numbers beyond float32; a network takes finite ones; "
            "mend the file, or what `input_fn` makes of it"
        )
    return Images(array, 1.0, "", media_type, as_given=True)


def from_numbers(array: np.ndarray, media_type: str, axes: str = "") -> Images:
    """Images of numbers from 0 to 255, whole or not, as text formats hold them.

    Args:
        array: uint8 or float32, of 2 to 4 axes, checked by ``check_range``.
    """
    return Images(array, 1 / EIGHT_BITS, axes, media_type)


def check_shape(shape: tuple[int, ...], what: str = "array") -> None:
    """Refuse what is no image by its axes, and what is empty."""
    if not 2 <= len(shape) <= 4:
        came = f"{what} has {count(len(shape), 'axis', 'axes')}" + (
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
    pixels = math.prod(shape[:-1] if looks_like_channels(shape) else shape)
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
