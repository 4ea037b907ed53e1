"""Which axis of an array holds channels, and how those that were sent become those of a model.

A gray image suits a model of three channels, whose each it is then; a colour image suits a model of
one where its colours are gray; an alpha channel is dropped, with a warning where it is not opaque.
Channels that come first are known by the model's count. Everything else is the sender's to choose,
and is never guessed.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .errors import RequestError

logger = logging.getLogger(__name__)

RGB = 3
ALPHA = {2: 1, 4: 3}  # gray and alpha, RGB and alpha: channels with it, and without
MAX_COLOUR_CHANNELS = 4  # a last axis this short holds channels: gray, gray and alpha, RGB, RGBA
MAX_CHANNELS = 16  # so may one this short, where the others are longer
ROWS = 512  # that are looked at together


def looks_like_channels(shape: tuple[int, ...]) -> bool:
    """Whether the last axis holds channels, whatever model the array is for."""
    if len(shape) == 4:
        return shape[-1] <= MAX_CHANNELS
    narrow = shape[-1] <= MAX_CHANNELS < min(shape[:2])  # no stack of images has such pages
    return len(shape) == 3 and (narrow or shape[-1] <= MAX_COLOUR_CHANNELS)


class Reading(NamedTuple):
    """What the axes of an array are, and what was assumed for that; "" where nothing was."""

    axes: str
    assumed: str = ""


def axes_of(shape: tuple[int, ...], channels: int, chosen: bool = False, told: str = "") -> Reading:
    """The axes of images.

    Args:
        shape: of 2 to 4 axes.
        channels: of the model.
        chosen: whether the sender named channels, so that there are some.
        told: by the file; "" where it tells none.
    """
    counted = f"the model takes {count(channels, 'channel')}"
    if told or len(shape) == 2:
        return Reading(told or "HW")
    if len(shape) == 4:
        first = shape[-1] != channels == shape[1] and shape[-1] > MAX_CHANNELS
        return _channels_first(shape, "NCHW", counted) if first else Reading("NHWC")
    last = shape[-1]
    if last == channels:
        return Reading("HWC")
    if channels == 1 and not chosen:
        is_channels = last in (3, 4) or last <= MAX_CHANNELS < min(shape[:2])
    else:
        is_channels = last <= MAX_CHANNELS
    if is_channels:
        return Reading("HWC")
    if channels > 1 and shape[0] == channels:
        return _channels_first(shape, "CHW", counted)
    if chosen and shape[0] <= MAX_CHANNELS:
        return _channels_first(shape, "CHW", "some of them were chosen")
    return Reading("NHW")


def _channels_first(shape: tuple[int, ...], axes: str, reason: str) -> Reading:
    stack = times((*shape, 1)) if axes == "CHW" else "N×H×W×C"
    return Reading(
        axes,
        f"{times(shape)} was read as channels first, since {reason}; "
        f"send {stack} if these are images of a stack",
    )


def likely_axes(shape: tuple[int, ...]) -> str:
    """The axes of an array that does not tell them itself, for a model that does not, either."""
    if len(shape) == 3:
        return "HWC" if looks_like_channels(shape) else "NHW"
    return axes_of(shape, 1).axes


def check_chosen(chosen: Sequence[int], sent: int, channels: int, shape: Sequence[int]) -> None:
    """Check that the channels which the sender chose are there, and as many as the model takes.

    Raises:
        RequestError: they are not.
    """
    largest = max(chosen)
    if largest >= sent:
        raise RequestError(
            f"channel {largest} was chosen; image is {times(shape)}, {count(sent, 'channel')}; "
            f"they are counted from 0: choose from 0 to {sent - 1}"
        )
    if len(chosen) != channels and (len(chosen), channels) != (1, RGB):
        raise RequestError(
            f"{count(len(chosen), 'channel')} of the image chosen; this model takes "
            f"{count(channels, 'channel')}; choose as many"
        )


def as_slice(chosen: Sequence[int]) -> slice | None:
    """The slice that takes these channels without a copy; None: there is none."""
    step = chosen[1] - chosen[0] if len(chosen) > 1 else 1
    if step <= 0 or list(chosen) != list(range(chosen[0], chosen[-1] + 1, step)):
        return None
    return slice(chosen[0], chosen[-1] + 1, step)


class Fit(NamedTuple):
    """The channels that a model takes, and what was assumed for that; "" where nothing was."""

    taken: slice
    assumed: str = ""


def fitting(
    pixels: np.ndarray,
    channels: int,
    white: float,
    shape: tuple[int, ...],
    alpha: bool | None = None,
    told: bool = False,
) -> Fit:
    """Which of the channels of images a model takes that wants another number of them.

    Where one is left and three are wanted, it is for the caller to repeat it.

    Args:
        pixels: (N, H, W, C), C other than ``channels``.
        channels: of the model.
        white: the value of an opaque pixel of an alpha channel.
        shape: of the images as they were sent, for messages.
        alpha: whether the last one is an alpha channel; None: it may be.
        told: whether the file tells which axis the channels are.

    Raises:
        RequestError: what they hold would be lost, or is not enough.
    """
    sent: int = pixels.shape[-1]
    left = sent if alpha is False else ALPHA.get(sent, sent)
    if channels not in (1, 3) or sent > MAX_COLOUR_CHANNELS or left not in (1, 3):
        raise RequestError(_wrong(shape, sent, channels, told))
    assumed = ""
    if left < sent and not is_opaque(pixels, white):
        if alpha is None:
            raise RequestError(_transparent(shape, sent, channels))
        assumed = (
            "the image is partly transparent, and was read as stored, without its alpha channel: "
            "flatten it on a background if that is what you see"
        )
    if channels == 1 and left == RGB and not _is_gray(pixels):
        raise RequestError(_wrong(shape, sent, channels, told))
    if left < channels:
        logger.debug("a gray image is given to a network of 3 channels, as each of them")
    return Fit(slice(0, min(left, channels)), assumed)


def without_alpha(pixels: np.ndarray, white: float, alpha: bool | None) -> int:
    """How many channels (N, H, W, C) has, but for one of opacity."""
    sent: int = pixels.shape[-1]
    if sent not in ALPHA or alpha is False:
        return sent
    return ALPHA[sent] if alpha or is_opaque(pixels, white) else sent


def is_opaque(pixels: np.ndarray, white: float) -> bool:
    """Whether the last channel is white everywhere."""
    return bool(pixels[..., -1].min() >= white)


def _is_gray(pixels: np.ndarray) -> bool:
    """Whether the first three channels are the same everywhere."""
    return all(
        np.array_equal(part[..., 0], part[..., 1]) and np.array_equal(part[..., 0], part[..., 2])
        for part in _parts(pixels)
    )


def _parts(pixels: np.ndarray) -> Iterator[np.ndarray]:
    """(N, H, W, C) in parts of ROWS rows: what is computed of a whole image takes its memory."""
    for image in pixels:
        for first in range(0, len(image), ROWS):
            yield image[first : first + ROWS]


def _transparent(shape: tuple[int, ...], sent: int, channels: int) -> str:
    names = "channel=0" if sent == 2 or channels == 1 else "channels=0,1,2"
    return (
        f"image is {times(shape)}, and the last of its {sent} channels, taken for alpha, is not "
        "opaque: it has an alpha channel, and intensities have no transparency; flatten it on a "
        f"background, or choose with {names} (counted from 0)"
    )


def _wrong(shape: tuple[int, ...], sent: int, channels: int, told: bool) -> str:
    came = f"image is {times(shape)}, {count(sent, 'channel')}"
    rule = f"this model takes {count(channels, 'channel')}"
    if channels == 1:
        may_be_stack = len(shape) == 3 and not told
        narrow = " (a stack this narrow must be sent as N×H×W×1)" if may_be_stack else ""
        choose = "choose one with channel=0 (counted from 0)"
        convert = f"convert it to grayscale, or {choose}" if sent in (3, 4) else choose
        return f"{came}; {rule}; {convert}{narrow}"
    if len(shape) == 4 and shape[1] == channels:
        return f"{came}; {rule}; its channels come first: move them, N×H×W×{channels}"
    if sent > channels:
        names = ",".join(map(str, range(channels)))
        return f"{came}; {rule}; choose with channels={names} (counted from 0)"
    return f"{came}; {rule}; send it as H×W×{channels} or N×H×W×{channels}"


def times(shape: Sequence[int]) -> str:
    """(600, 700, 3) -> "600×700×3"."""
    return "×".join(map(str, shape))


def count(number: int, noun: str, plural: str | None = None) -> str:
    """1, "axis", "axes" -> "1 axis"."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
