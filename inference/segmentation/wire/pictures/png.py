"""What a PNG says in its chunks, and the pixels of those that Pillow would cut down to 8 bits.

https://www.w3.org/TR/png-3/
"""

import contextlib
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...calibration import UNKNOWN, Calibration
from ...depth import Range
from ...errors import RequestError
from ...images import Images, stored
from ..weighing import check_frames, weigh

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by the colour type
GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = SAMPLES
MAX_CHUNKS = 200_000
PART = 1 << 18  # bytes of rows that are looked at together
# of its passes: the first row and column, and the steps to the next ones
INTERLACING = (
    (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)
)  # fmt: skip
# the others are texts and profiles, which may be bombs of their own; that a colour is transparent
# matters in palettes alone, where an index has no other meaning
PIXELS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"}
METER = 1
MICROMETERS = 1e6
LONGEST_SIDE = 1_000_000  # pixels that libpng writes at most
MOST_PER_METER = 2**31 - 1


@dataclass(frozen=True)
class Header:
    """What stands before and around the pixels.

    Attributes:
        height, width: in pixels.
        bits: of a sample.
        color: the colour type.
        interlaced: whether its pixels are stored in seven passes.
        frames: of an animation; 1 of a still.
        hides_first: whether the first picture is for programs that show no animation.
        significant: how many bits each sample had before it was stored; () where it is not told.
        calibration: the size of a pixel, where it is told in meters.
    """

    height: int
    width: int
    bits: int
    color: int
    interlaced: bool = False
    frames: int = 1
    hides_first: bool = False
    significant: tuple[int, ...] = ()
    calibration: Calibration = UNKNOWN

    @property
    def has_alpha(self) -> bool:
        return self.color in (GRAY_ALPHA, RGBA)

    @property
    def significant_bits(self) -> int | None:
        """Of all samples but alpha; None where they are not told, differ, or are all."""
        told = {*self.significant[: SAMPLES[self.color] - self.has_alpha]}
        bits = told.pop() if len(told) == 1 and self.color != PALETTE else self.bits
        return bits if 0 < bits < self.bits else None


def read_header(body: bytes | bytearray) -> tuple[Header, bytes]:
    """The header, and the file without all that is not needed for its pixels.

    Raises:
        RequestError: it is cut, has too many chunks or frames, or none of the known kinds.
    """
    header: Header | None = None
    parts: list[bytes | memoryview] = [SIGNATURE]
    seen_pixels = False
    for kind, data, whole in _chunks(body):
        if header is None:
            header = _first(kind, data)
        elif kind == b"acTL" and len(data) >= 8 and not seen_pixels:
            header = replace(header, frames=struct.unpack_from(">I", data)[0], hides_first=True)
        elif kind == b"fcTL" and not seen_pixels:
            header = replace(header, hides_first=False)
        elif kind == b"sBIT":
            header = replace(header, significant=tuple(data))
        elif kind == b"pHYs" and len(data) == 9:
            header = replace(header, calibration=_size(*struct.unpack(">IIB", data)))
        seen_pixels = seen_pixels or kind == b"IDAT"
        if kind in PIXELS or (kind == b"tRNS" and header.color == PALETTE):
            parts.append(whole)
    if header is None:
        raise RequestError("PNG ends before its header; it was cut, send it whole")
    return header, b"".join(parts)


def _chunks(body: bytes | bytearray) -> Iterator[tuple[bytes, memoryview, memoryview]]:
    """The kind of each chunk, its data, and all of it; what is cut off is left to the decoder."""
    view, place = memoryview(body), len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if place + 12 > len(view):
            if place < len(view):
                yield bytes(view[place + 4 : place + 8]), view[:0], view[place:]
            return
        (length,) = struct.unpack_from(">I", view, place)
        end = place + 12 + length
        kind = bytes(view[place + 4 : place + 8])
        yield kind, view[place + 8 : end - 4], view[place:end]
        if kind == b"IEND":
            return
        place = end
    raise RequestError(
        f"PNG has more than {MAX_CHUNKS:,} chunks; that is the most that is read; write it anew, "
        "with larger ones"
    )


def _first(kind: bytes, data: memoryview) -> Header:
    if kind != b"IHDR" or len(data) != 13:
        raise RequestError("PNG has no header; the file is damaged or was cut; send it whole")
    width, height, bits, color, interlacing = struct.unpack_from(">IIBB2xB", data)
    if color not in SAMPLES or bits not in (1, 2, 4, 8, 16):
        raise RequestError(
            f"PNG says that it is of colour type {color} with {bits} bits, which there is not; the "
            "file is damaged; write it anew"
        )
    return Header(height, width, bits, color, bool(interlacing))


def _size(x: int, y: int, unit: int) -> Calibration:
    if unit != METER or not x or not y:
        return UNKNOWN
    return Calibration(x=MICROMETERS / x, y=MICROMETERS / y, unit="µm")


def read_whole_bytes(header: Header, body: bytes, max_pixels: int, media_type: str) -> Images:
    """Images of a PNG with 8 or 16 bits in each sample; those of an animation are a stack.

    Args:
        header: of no palette; of an animation, of 16 bits.
        body: as of ``read_header``.

    Returns:
        uint8 or uint16 (H, W) or (H, W, 2 to 4), or with a first axis N.
    """
    import imagecodecs

    dtype = np.dtype(np.uint16 if header.bits == 16 else np.uint8)
    samples = SAMPLES[header.color]
    shape = (header.height, header.width, samples)[: 2 + (samples > 1)]
    axes = "NHWC"[: len(shape) + 1]
    if header.frames == 1:
        weigh(shape, max_pixels, dtype.itemsize)
        return stored(decoded(imagecodecs.png_decode, body, shape, dtype), media_type, axes[1:])
    check_frames(header.frames)
    stack = (header.frames + header.hides_first, *shape)
    weigh(stack, max_pixels, dtype.itemsize)
    frames = decoded(imagecodecs.apng_decode, body, stack, dtype)[header.hides_first :]
    return stored(frames, media_type, axes)


def check_rows(header: Header, body: bytes) -> None:
    """Refuse a picture with fewer rows than its header says: Pillow makes the others black.

    Raises:
        RequestError: its data ends too early.
        zlib.error: it is damaged.
    """
    missing = sum(
        height * (1 + (width * SAMPLES[header.color] * header.bits + 7) // 8)
        for height, width in _passes(header)
    )
    undoing = zlib.decompressobj()
    for kind, data, _ in _chunks(body):
        if kind != b"IDAT":
            continue
        pending: bytes | memoryview = data
        while missing > 0 and pending and not undoing.eof:
            missing -= len(undoing.decompress(pending, min(missing, PART)))
            pending = undoing.unconsumed_tail
    if missing > 0:
        raise RequestError(
            f"PNG lacks the last {missing:,} bytes of its {header.height}×{header.width} pixels; "
            "the file is damaged or was cut; send it whole"
        )


def _passes(header: Header) -> Iterator[tuple[int, int]]:
    """Height and width of the pictures that it is stored as: seven where it is interlaced."""
    if not header.interlaced:
        yield header.height, header.width
        return
    for top, left, down, right in INTERLACING:
        height, width = -(-(header.height - top) // down), -(-(header.width - left) // right)
        if height > 0 and width > 0:
            yield height, width


def decoded(
    decoder: Callable[..., object], body: bytes, shape: tuple[int, ...], dtype: np.dtype
) -> np.ndarray:
    """Pixels of that shape and type, whose memory is free again where they cannot be decoded.

    Raises:
        Exception: the decoder's own, of damaged files.
    """
    pixels = np.empty(shape, dtype)
    with freed_if_it_fails(pixels):
        decoder(body, out=pixels)
    return pixels


@contextlib.contextmanager
def freed_if_it_fails(pixels: np.ndarray) -> Iterator[None]:
    """Give the memory of an array back where what fills it fails; it then has no pixels.

    The PNG decoders of imagecodecs 2026.3.6 leave by a jump, and hold the array for ever.

    Args:
        pixels: an array that is no view.
    """
    try:
        yield
    except Exception:
        pixels.resize((0,), refcheck=False)
        raise


def written_flat(plane: np.ndarray, calibration: Calibration) -> bytes:
    """A file of a mask, whose neighbours are mostly the same: run-length encoded, without filters.

    Pillow would try all filters on each row, which takes most of its time.

    Args:
        plane: uint8 (H, W), of LONGEST_SIDE at most.
        calibration: the size of a pixel, which the file says where it can.
    """
    import imagecodecs  # takes a hundredth of a second, and other answers do not need it

    strategy, no_filter = imagecodecs.PNG.STRATEGY.RLE, imagecodecs.PNG.FILTER.NONE
    whole = np.ascontiguousarray(plane)
    body = bytes(imagecodecs.png_encode(whole, level=1, strategy=strategy, filter=no_filter))
    end_of_header = len(SIGNATURE) + 8 + 13 + 4
    return body[:end_of_header] + _size_chunk(calibration) + body[end_of_header:]


def _size_chunk(calibration: Calibration) -> bytes:
    """Empty where the size is not known, or cannot be said."""
    if calibration.micrometers is None:
        return b""
    height, width = (round(MICROMETERS / size) for size in calibration.micrometers)
    if not (0 < height <= MOST_PER_METER and 0 < width <= MOST_PER_METER):
        return b""
    data = b"pHYs" + struct.pack(">IIB", width, height, METER)
    return struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))


def told_range(pixels: np.ndarray, header: Header) -> Range | None:
    """The range of a PNG that says how many bits of its samples are significant.

    Samples are to be scaled up to those that are stored, by whatever is the shortest way: then
    white is all ones, or ones with zeros behind them. Some writers leave them as they were; that
    shows, for what is scaled has nothing in the low bits as long as it has nothing in the high
    ones. See https://www.w3.org/TR/png-3/#11sBIT.

    Args:
        pixels: unsigned, of any shape.

    Returns:
        None where the type tells the range.
    """
    bits = header.significant_bits
    if bits is None or pixels.dtype.kind != "u" or 8 * pixels.dtype.itemsize != header.bits:
        return None
    low = header.bits - bits
    samples = pixels[..., :-1] if header.has_alpha else pixels
    used = int(np.bitwise_or.reduce(samples, axis=None))
    if used < 1 << bits and used & ((1 << low) - 1) > 1:
        return Range(0, (1 << bits) - 1)
    if not used & ((1 << low) - 1):
        return Range(0, ((1 << bits) - 1) << low)
    return None
