"""JPEG XL, through libjxl. Its header is read here, to weigh the image before it is decoded.

ISO/IEC 18181-1, annex D; the boxes around it are those of 18181-2.
"""

import struct
from dataclasses import dataclass, replace

from ...depth import UNIT, Range
from ...errors import RequestError
from ...images import Images, stored
from .. import media_types
from ..format import Reader, check_begins
from ..weighing import decoding, weigh

BARE = b"\xff\x0a"
BOXED = b"\0\0\0\x0cJXL \r\n\x87\n"
HEADER_BYTES = 1024  # more than any header takes that is read here
MAX_BOXES = 1000
RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
WORKING = 4  # bytes of a value: libjxl computes in floats


class Bits:
    """Reads numbers from the lowest bit on."""

    def __init__(self, data: bytes):
        self._bits = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """The next bits as a number.

        Raises:
            RequestError: there are not as many.
        """
        if count > self._left:
            raise RequestError("JPEG XL ends within its header; it was cut, send it whole")
        value = self._bits & ((1 << count) - 1)
        self._bits >>= count
        self._left -= count
        return value

    def one_of(self, *choices: tuple[int, int]) -> int:
        """A number of one of four forms: what is added to it, and its bits."""
        added, count = choices[self.take(2)]
        return added + self.take(count)


@dataclass(frozen=True)
class Header:
    """What stands before the pixels.

    Attributes:
        height, width: in pixels.
        bits: of a sample.
        floats: whether samples are floats.
        animated: whether there are several frames.
        extra: how many channels there are beside those of colour.
    """

    height: int
    width: int
    bits: int = 8
    floats: bool = False
    animated: bool = False
    extra: int = 0


def read_header(body: bytes | bytearray) -> Header:
    """The header of a JPEG XL, in boxes or without.

    Raises:
        RequestError: it is cut or damaged.
    """
    bits = Bits(_codestream(body)[2:])
    height, width = _size(bits)
    if bits.take(1):  # all else is as usual: 8 bits, no more channels
        return Header(height, width)
    animated = False
    if bits.take(1):
        bits.take(3)  # the orientation
        if bits.take(1):  # a size to show it at
            _size(bits)
        if bits.take(1):
            _skip_preview(bits)
        animated = bool(bits.take(1))
        if animated:
            _skip_animation(bits)
    floats = bool(bits.take(1))
    if floats:
        depth = bits.one_of((32, 0), (16, 0), (24, 0), (1, 6))
        bits.take(4)  # of which are the exponent
    else:
        depth = bits.one_of((8, 0), (10, 0), (12, 0), (1, 6))
    bits.take(1)  # whether 16 bits are enough to compute with
    extra = bits.one_of((0, 0), (1, 0), (2, 4), (1, 12))
    return Header(height, width, depth, floats, animated, extra)


def _size(bits: Bits) -> tuple[int, int]:
    small = bits.take(1)

    def length() -> int:
        if small:
            return 8 * (bits.take(5) + 1)
        return bits.one_of((1, 9), (1, 13), (1, 18), (1, 30))

    height = length()
    ratio = bits.take(3)
    return height, _of_ratio(height, ratio) if ratio else length()


def _of_ratio(height: int, ratio: int) -> int:
    wide, high = RATIOS[ratio]
    return height * wide // high


def _skip_preview(bits: Bits) -> None:
    small = bits.take(1)

    def length() -> int:
        if small:
            return bits.one_of((16, 0), (32, 0), (1, 5), (33, 9))
        return bits.one_of((1, 6), (65, 8), (321, 10), (1345, 12))

    length()
    if not bits.take(3):
        length()


def _skip_animation(bits: Bits) -> None:
    bits.one_of((100, 0), (1000, 0), (1, 10), (1, 30))  # the unit of time
    bits.one_of((1, 0), (1001, 0), (1, 8), (1, 10))
    bits.one_of((0, 0), (0, 3), (0, 16), (0, 32))  # how often it is shown
    bits.take(1)  # whether frames have names


def _codestream(body: bytes | bytearray) -> bytes:
    """Its beginning, which boxes may hold in parts.

    Raises:
        RequestError: there is none.
    """
    if body.startswith(BARE):
        return bytes(body[:HEADER_BYTES])
    place, found = 0, b""
    for _ in range(MAX_BOXES):
        if place + 8 > len(body) or len(found) >= HEADER_BYTES:
            break
        length, kind = struct.unpack_from(">I4s", body, place)
        begin = place + 8
        if length == 1 and place + 16 <= len(body):
            (length,) = struct.unpack_from(">Q", body, place + 8)
            begin += 8
        end = place + length if length else len(body)
        if end < begin:
            break
        begin += 4 if kind == b"jxlp" else 0  # the number of the part
        if kind in (b"jxlc", b"jxlp"):
            found += bytes(body[begin : min(end, begin + HEADER_BYTES)])
        place = end
    if not found.startswith(BARE):
        raise RequestError("JPEG XL holds no image; the file is damaged or was cut; send it whole")
    return found


class JpegXl(Reader):
    """Gray or colour of 1 to 16 bits, or of floats; one frame."""

    name = "JPEG XL"
    media_type = media_types.JPEG_XL
    suffixes = (".jxl",)
    signatures = (BOXED, BARE)
    picture = True

    def decode(self, body: bytes, max_pixels: int) -> Images:
        check_begins(body, self.media_type, [self])
        header = read_header(body)
        if header.animated:
            raise RequestError(
                "JPEG XL is an animation; one frame is read; send its frames as a TIFF, or in "
                "requests of their own"
            )
        weigh((header.height, header.width, 3 + header.extra), max_pixels, WORKING)
        import imagecodecs  # takes a twentieth of a second, and few requests need it

        with decoding(self.media_type):
            pixels = imagecodecs.jpegxl_decode(body, keeporientation=True)
        images = stored(pixels, self.media_type, "HWC"[: pixels.ndim])
        told = UNIT if header.floats else Range(0, (1 << header.bits) - 1)
        return replace(images, range=told, alpha=header.extra > 0 or None)
