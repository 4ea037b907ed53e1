"""The images of a request as an array, and the rules that every image must meet.

An *intensity* is a number from 0, black, to 1, white; networks take float32 intensities. What
images are stored as becomes intensities here, and nowhere else, by the range that they have
(``depth``): uint8 / 255, uint16 / 65535, bool as 0 and 1, floats as they are, unless the file or
the sender tells another one. The exception is what code of the user makes for its own network
(``as_given``).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from . import calibration, depth, machine
from . import channels as of_channels
from .array_like import ArrayLike
from .calibration import Calibration
from .channels import count, looks_like_channels, times
from .depth import EIGHT_BITS, UNIT, Range, RangeRule
from .errors import OutOfMemory, PayloadTooLarge, RequestError

# decoded, converted, the mask, and the mask encoded: a byte or two each
BYTES_PER_VALUE = 6


@dataclass(frozen=True, eq=False)
class Images(ArrayLike):
    """The images of one request, as they came. Functions of users may take them for an array: that
    of ``pixels``, in the shape and the type that were sent.

    Attributes:
        pixels: the array as decoded, of numbers or bool.
        range: which of the stored values are intensities 0 and 1; None where it is not settled
            yet, and the type or the sender tells.
        axes: "HW", "HWC", "NHW" or "NHWC"; with channels first "CHW" or "NCHW"; "" where only the
            model's channel count can tell.
        media_type: what the request was, so that it can be answered in kind; "" of arrays.
        as_given: whether they are what the network takes, of any range, and no intensities.
        text: whether they are numbers of a text, of which 255 is white.
        alpha: whether the last of two or four channels is one of opacity; None: it may be.
        opaque: the stored value of full opacity; None: that of white.
        clips: whether stored values may be outside of the range: they become 0 or 1.
        percentiles: the range to be measured when the model's channels have been taken.
        calibration: what the file tells beside the pixels.
        parameters: the options that stood beside the images in the body, by their keys.
        assumed: what had to be assumed to read them, in sentences for the sender.
        taken: which of the channels the model takes; None: all.
        repeats: how often the only one of these is repeated for it.
    """

    pixels: np.ndarray
    range: Range | None = None
    axes: str = ""
    media_type: str = ""
    as_given: bool = False
    text: bool = False
    alpha: bool | None = None
    opaque: float | None = None
    clips: bool = False
    percentiles: RangeRule | None = None
    calibration: Calibration = calibration.UNKNOWN
    parameters: Mapping[str, Any] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    taken: slice | None = None
    repeats: int = 1

    def with_range(self, wanted: RangeRule | None = None) -> "Images":
        """The same images with their range settled: as wanted, else as the file tells, else as the
        type does.

        Raises:
            RequestError: the values are outside of it, are no numbers, or nothing tells it.
        """
        pixels = self.pixels
        if wanted is not None:
            if pixels.dtype.kind == "f":
                with np.errstate(over="ignore"):  # of float64, which is then found to be infinite
                    depth.check_finite(np.float32(pixels.min()), np.float32(pixels.max()))
            told = EIGHT_BITS if self.text else self._settled  # a range says nothing of opacity
            images = replace(self, clips=True, opaque=told.highest)
            fixed = wanted.fixed
            return images._ranging(fixed) if fixed else replace(images, percentiles=wanted)
        if pixels.dtype.kind == "f":
            with np.errstate(over="ignore"):  # of float64, which is then found to be infinite
                pixels = pixels.astype(np.float32, copy=False)
        found = depth.of_numbers(pixels) if self.text else depth.settle(pixels, self.range)
        images = replace(self, pixels=pixels, range=found.range, clips=found.clips)
        return images.noting(found.assumed)

    def for_channels(self, channels: int, chosen: Sequence[int] | None = None) -> "Images":
        """The same images with their axes settled for a model of that many channels.

        A gray image suits a model of three channels, one whose colours are gray a model of one, and
        an alpha channel is dropped, with a warning where it is not opaque; see ``channels``.

        Args:
            channels: of the model.
            chosen: which of the channels to take, counted from 0; None: as they are.

        Raises:
            RequestError: the array cannot be images of that many channels, or lacks a chosen one.
        """
        reading = of_channels.axes_of(self.pixels.shape, channels, chosen is not None, self.axes)
        images = replace(self, axes=reading.axes).noting(reading.assumed)
        sent = images.batch.shape[-1]
        if chosen is not None:
            of_channels.check_chosen(chosen, sent, channels, self.pixels.shape)
            images = images._only(chosen)
        elif sent != channels:
            fit = of_channels.fitting(
                images.batch,
                channels,
                self._opaque,
                self.pixels.shape,
                self.alpha,
                told=bool(self.axes),
            )
            images = replace(images, taken=fit.taken).noting(fit.assumed)
        if images.percentiles is not None:
            images = images._ranging(images.percentiles.of(images.batch))
        return replace(images, repeats=channels // images.batch.shape[-1])

    def noting(self, assumed: str) -> "Images":
        """The same images with one more sentence about what was assumed; "" is none."""
        return replace(self, assumed=(*self.assumed, assumed)) if assumed else self

    def _ranging(self, found: Range) -> "Images":
        """With a range that the sender wants; low values stay white where the file says so."""
        inverts = self.range is not None and self.range.black > self.range.white
        return replace(self, range=found.inverted if inverts else found, percentiles=None)

    def _only(self, chosen: Sequence[int]) -> "Images":
        taken = of_channels.as_slice(chosen)
        if taken is not None:
            return replace(self, taken=taken)
        axes = self.axes.replace("C", "") + "C"
        pixels = _channels_last(self.pixels, self.axes)
        return replace(self, pixels=pixels[..., list(chosen)], axes=axes)

    @property
    def channels(self) -> int:
        """How many were sent, as far as that can be told without a model; without opaque alpha."""
        batch = replace(self, axes=self.axes or of_channels.likely_axes(self.pixels.shape)).batch
        return of_channels.without_alpha(batch, self._opaque, self.alpha)

    @property
    def batch(self) -> np.ndarray:
        """The pixels as (N, H, W, C), a view. The axes must have been settled."""
        pixels = _channels_last(self.pixels, self.axes)
        pixels = pixels if self.stacked else pixels[None]
        pixels = pixels if self.taken is None else pixels[..., self.taken]
        if self.repeats == 1:
            return pixels
        return np.broadcast_to(pixels, (*pixels.shape[:3], self.repeats))

    def intensities(self, pixels: np.ndarray) -> np.ndarray:
        """Some of the pixels, of any shape, as float32 intensities; those as given as they are."""
        black, scale = self._settled.black, self._settled.scale
        if black:
            values = np.subtract(pixels, black, dtype=np.float64).astype(np.float32)
            values *= np.float32(scale)
        else:
            values = np.multiply(pixels, scale, dtype=np.float32, casting="unsafe")
        return np.clip(values, 0, 1, out=values) if self.clips else values

    def eight_bits(self, pixels: np.ndarray) -> np.ndarray:
        """Some of the pixels, of any shape, as uint8 for a picture.

        Those as given go from black, the least of all, to white, the largest.
        """
        values = self.intensities(pixels)
        if self.as_given:
            low, high = self._extremes
            values = (values - low) / max(high - low, np.finfo(np.float32).tiny)
        return np.rint(values * np.float32(EIGHT_BITS.white)).astype(np.uint8)

    @property
    def stacked(self) -> bool:
        """Whether the request has a stack axis, which the answer then has, too."""
        return self.axes.startswith("N")

    @property
    def _settled(self) -> Range:
        return self.range or depth.of_type(self.pixels.dtype) or UNIT

    @property
    def _opaque(self) -> float:
        return self._settled.highest if self.opaque is None else self.opaque

    @cached_property
    def _extremes(self) -> tuple[np.float32, np.float32]:
        return self.pixels.min(), self.pixels.max()


def _channels_last(pixels: np.ndarray, axes: str) -> np.ndarray:
    """(N,) H, W or (N,) H, W, C or (N,) C, H, W -> (N,) H, W, C; a view."""
    if "C" not in axes:
        return pixels[..., None]
    return pixels if axes.endswith("C") else np.moveaxis(pixels, -3, -1)


def from_array(array: np.ndarray, media_type: str = "", axes: str = "") -> Images:
    """Images of an array of uint8, uint16, bool, or floats that are intensities already.

    Raises:
        RequestError: another dtype, an empty array, other than 2 to 4 axes, floats that are no
            intensities.
    """
    return stored(array, media_type, axes).with_range()


def stored(array: np.ndarray, media_type: str = "", axes: str = "") -> Images:
    """Images of an array of numbers whose range is still to be settled.

    Raises:
        RequestError: an empty array, other than 2 to 4 axes, no real numbers.
    """
    if array.dtype.kind not in "biuf":
        raise RequestError(
            f"array has dtype {array.dtype}; intensities are uint8 (0–255), uint16 (0–65535), "
            "bool, or float (0–1); convert it with .astype()"
        )
    check_shape(array.shape)
    if array.dtype.kind == "f" and array.dtype.itemsize < 4:
        array = array.astype(np.float32)
    return Images(array, None, axes, media_type)


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
        images = stored(array.astype(np.float32, copy=False), media_type)
    if not (np.isfinite(images.pixels.min()) and np.isfinite(images.pixels.max())):
        raise RequestError(
            "array holds NaN or infinity, or numbers beyond float32; a network takes finite ones; "
            "mend the file, or what `input_fn` makes of it"
        )
    return replace(images, range=UNIT, as_given=True)


def check_shape(shape: tuple[int, ...], what: str = "array") -> None:
    """Refuse what is no image by its axes, and what is empty."""
    if 0 in shape:
        raise RequestError(
            f"{what} of {times(shape)} is empty; send at least one image of at least one pixel"
        )
    if not 2 <= len(shape) <= 4:
        came = f"{what} has {count(len(shape), 'axis', 'axes')}" + (
            f" ({times(shape)})" if shape else ""
        )
        raise RequestError(f"{came}; images are H×W, H×W×C, N×H×W or N×H×W×C; reshape it")


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


def check_memory(shape: tuple[int, ...], itemsize: int = 1) -> None:
    """Refuse images that will not fit into the memory; to be called before they are decoded.

    Args:
        itemsize: the bytes of a value; more than one are decoded, and converted.

    Raises:
        OutOfMemory: the memory that is left would not hold them.
    """
    bytes_per_value = BYTES_PER_VALUE + 2 * (itemsize - 1)
    needed, left = bytes_per_value * math.prod(shape), machine.available_memory()
    if needed > left:
        raise OutOfMemory(
            f"request is {times(shape)} and needs about {needed >> 20:,} MB of memory; "
            f"{left >> 20:,} MB are left; cut it into parts, or give the server more"
        )
