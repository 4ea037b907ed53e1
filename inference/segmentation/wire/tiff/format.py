"""TIFF, the format of microscopes."""

from dataclasses import replace

import numpy as np

from ...answers import Prediction
from ...calibration import Calibration
from ...channels import MAX_CHANNELS, times
from ...depth import RangeRule, settle
from ...errors import OutOfMemory, RequestError
from ...images import Images, check_memory, check_size, stored
from .. import media_types
from ..format import Format, check_begins
from . import values
from .axes import Stack, stack
from .file import TiffBytes

NARROW = MAX_CHANNELS  # pages no wider than this are no question of channels


class WhiteIsLow(Images):
    """Images of which only the sender can tell what is black and white; the lower one is white."""

    def with_range(self, wanted: RangeRule | None = None) -> Images:
        if wanted is None:
            settle(self.pixels, None)  # it refuses such types
        return super().with_range(wanted)


class Tiff(Format):
    """Any number of planes, of numbers or of colour, with the axes and the size of pixels."""

    name = "TIFF"
    media_type = media_types.TIFF
    aliases = ("image/tif", "image/x-tiff")
    suffixes = (".tif", ".tiff")
    signatures = (
        b"II*\0",  # little-endian
        b"MM\0*",  # big-endian
        b"II+\0",  # BigTIFF, little-endian
        b"MM\0+",  # BigTIFF, big-endian
        b"II\0*",  # wrong, as the next, but files have it
        b"MM*\0",
    )
    picture = True
    place = 2

    def decode(self, body: bytes | bytearray, max_pixels: int) -> Images:
        """The image of a file; see ``Format.decode``.

        Its channels are the last axis, a view; all other axes of its planes are the stack, in the
        order of the file. Orientation tags are not applied, so that the mask fits the pixels as
        they are stored.
        """
        check_begins(body, self.media_type, [self])
        try:
            return _read(body, max_pixels)
        except (RequestError, OutOfMemory, MemoryError):
            raise
        except Exception as exc:  # a damaged file makes decoders raise almost anything
            reason = str(exc) or type(exc).__name__
            raise RequestError(
                f"TIFF cannot be decoded: {reason}; the file is damaged or was cut, or its "
                "compression is not what it says; send it whole, as raw bytes"
            ) from exc

    def encode(self, prediction: Prediction) -> bytes:
        from .writing import write

        return write(prediction)


def _read(body: bytes | bytearray, max_pixels: int) -> Images:
    """The image of a file.

    Raises:
        Exception: the decoders' own, of damaged files.
    """
    found = stack(TiffBytes(body).pages())
    # they take a twentieth of a second to import, which workers that get no TIFF do without
    from .decoders import Decoders
    from .pixels import decode

    decoders = Decoders()
    decoder = decoders.of(found.pages[0])
    values.check(found.pages[0], decoder.dtype)
    planes = len(found.pages) * found.copies
    _check(found, planes, decoder.shape, max_pixels)
    check_memory((planes, *decoder.shape), decoder.dtype.itemsize)
    places, channels = _places(found)
    out = np.empty((planes, *decoder.shape), decoder.dtype)
    decode(decoders, found.pages, found.copies, out, places)
    pixels = _channels_last(out, channels)
    if found.signed and pixels.dtype == np.uint16:
        np.bitwise_xor(pixels, 1 << 15, out=pixels)
        pixels = pixels.view(np.int16)
    meant = values.meaning(found.pages, pixels, found.calibration.program, found.bits)
    last = "C" if meant.pixels.ndim == 4 else ""
    told = found.known or decoder.shape[1] > 1  # slices within a page are a stack
    axes = f"NHW{last}"
    pixels = meant.pixels
    if len(pixels) == 1:
        pixels, axes = pixels[0], axes[1:]
    elif not told and not last and len(pixels) <= MAX_CHANNELS and pixels.shape[-1] > NARROW:
        axes = ""  # of so many pages, only the model's channels tell what they are
    images = stored(pixels, media_types.TIFF, axes)
    if meant.asked:
        images = WhiteIsLow(**vars(images))
    return replace(
        images,
        range=meant.range,
        alpha=False if channels > 1 or not last else meant.alpha,
        calibration=_calibration(found, depth=decoder.shape[1]),
        assumed=(*found.assumed, *meant.assumed),
    )


def _check(found: Stack, planes: int, page: tuple[int, ...], max_pixels: int) -> None:
    """Weigh what is going to be decoded.

    Args:
        page: the shape of one; see ``pixels.Decoder``.

    Raises:
        RequestError: it is empty, or its channels have colours.
        PayloadTooLarge: more pixels than ``max_pixels``.
    """
    apart, depth, height, width, together = page
    samples = apart * together
    if not height * width * samples:
        raise RequestError(f"TIFF is {times((height, width))}, which is empty; send some pixels")
    sizes = dict(zip(found.axes, found.lengths, strict=True)) if "C" in found.axes else {}
    if sizes.get("C", 1) > 1 and samples > 1:
        raise RequestError(
            f"TIFF has {sizes['C']} channels of {samples} samples each, colours within channels; "
            "an image has one of them; save the channels one by one, or send application/x-npy of "
            "N×H×W×C"
        )
    shape = (planes * depth, height, width)
    check_size(shape if samples == 1 else (*shape, min(samples, MAX_CHANNELS)), max_pixels)


def _places(found: Stack) -> tuple[list[int], int]:
    """Where each plane goes so that the channels of an image lie together; how many these are."""
    if "C" not in found.axes:
        return list(range(len(found.pages) * found.copies)), 1
    axis = found.axes.index("C")
    planes = np.arange(len(found.pages) * found.copies).reshape(found.lengths)
    places = np.empty(planes.size, np.int64)
    places[np.moveaxis(planes, axis, -1).ravel()] = np.arange(planes.size)
    return places.tolist(), found.lengths[axis]


def _channels_last(out: np.ndarray, channels: int) -> np.ndarray:
    """(NC, samples, depth, H, W, samples) -> (N, H, W) or (N, H, W, C), a view."""
    planes, apart, depth, height, width, together = out.shape
    if depth > 1:
        if channels * apart * together > 1:
            raise RequestError(
                f"TIFF has {depth} slices in a page of several channels; save it as pages of one "
                "slice each"
            )
        return out.reshape(planes * depth, height, width)
    if together > 1:
        return out.reshape(planes, height, width, together)
    several = channels * apart
    split = out.reshape(planes // channels, several, height, width)
    return split[:, 0] if several == 1 else np.moveaxis(split, 1, -1)


def _calibration(found: Stack, depth: int) -> Calibration:
    axes = (*zip(found.axes, found.lengths, strict=True), ("Z", depth))
    stack = tuple((axis, length) for axis, length in axes if axis != "C" and length > 1)
    return replace(values.calibrated(found.calibration, found.pages[0]), stack=stack)
