"""What a JPEG says in its markers, and the pixels of those that are not of 8 bits.

ITU-T T.81 is JPEG, T.87 is JPEG-LS; both have the same markers.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...calibration import UNKNOWN, Calibration
from ...depth import Range
from ...errors import RequestError
from ...images import Images, stored
from .. import media_types
from ..format import Reader
from ..weighing import decoding, weigh

START = b"\xff\xd8\xff"
NEAR_LOSSLESS = 0xF7  # the frame of a JPEG-LS
LOSSLESS = 0xC3
PROGRESSIVE = 0xC2, 0xC6, 0xCA, 0xCE
FRAMES = {*range(0xC0, 0xD0), NEAR_LOSSLESS} - {0xC4, 0xC8, 0xCC}
SCAN, END, PRESET = 0xDA, 0xD9, 0xF8
SCAN_MARKER, END_MARKER = b"\xff\xda", b"\xff\xd9"
ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
MAX_SEGMENTS = 10_000
MAX_SCANS = 100  # of a progressive one; programs write about ten
MAX_SCANNED = 1 << 32  # samples, of all scans together
UNITS = {1: 25_400.0, 2: 10_000.0}  # micrometers of an inch and of a centimeter


@dataclass(frozen=True)
class Header:
    """What stands before the pixels.

    Attributes:
        height, width: in pixels.
        samples: of a pixel.
        bits: of a sample.
        frame: the marker that tells the kind of coding.
        white: the largest value, where a JPEG-LS tells one.
        calibration: the size of a pixel, where it is told in inches or centimeters.
    """

    height: int
    width: int
    samples: int
    bits: int
    frame: int
    white: int | None = None
    calibration: Calibration = UNKNOWN

    @property
    def shape(self) -> tuple[int, ...]:
        size = (self.height, self.width)
        return (*size, self.samples) if self.samples > 1 else size

    @property
    def range(self) -> Range:
        return Range(0, self.white or (1 << self.bits) - 1)


def read_header(body: bytes | bytearray) -> Header:
    """The header.

    Raises:
        RequestError: there is none, or too much before it.
    """
    header, calibration = None, UNKNOWN
    for marker, data in _segments(body):
        if marker == 0xE0 and data[:5] == b"JFIF\0" and len(data) >= 12:
            calibration = _size(*struct.unpack_from(">BHH", data, 7))
        elif marker in FRAMES and len(data) >= 6:
            bits, height, width, samples = struct.unpack_from(">BHHB", data)
            header = Header(height, width, samples, bits, marker)
        elif marker == PRESET and header and len(data) >= 3 and data[0] == 1:
            header = replace(header, white=struct.unpack_from(">H", data, 1)[0] or None)
    if header is None:
        raise RequestError("JPEG has no header; the file is damaged or was cut; send it whole")
    return replace(header, calibration=calibration)


def _segments(body: bytes | bytearray) -> Iterator[tuple[int, bytes]]:
    """The markers before the first scan, and what stands behind each."""
    place = 2
    for _ in range(MAX_SEGMENTS):
        if place + 4 > len(body) or body[place] != 0xFF:
            return
        marker = body[place + 1]
        if marker in (SCAN, END):
            return
        if marker in (0x00, 0xFF) or marker in ALONE:
            place += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", body, place + 2)
        yield marker, bytes(body[place + 4 : place + 2 + length])
        place += 2 + length
    raise RequestError(
        f"JPEG has more than {MAX_SEGMENTS:,} markers before its pixels; that is the most that is "
        "read; save it anew, without what it holds beside the image"
    )


def _size(unit: int, x: int, y: int) -> Calibration:
    if unit not in UNITS or not x or not y:
        return UNKNOWN
    return Calibration(x=UNITS[unit] / x, y=UNITS[unit] / y, unit="µm")


def check_scans(header: Header, body: bytes | bytearray) -> None:
    """Refuse a progressive JPEG that would be gone over again and again.

    Raises:
        RequestError: it has more scans than any program writes.
    """
    if header.frame not in PROGRESSIVE:
        return
    scans = body.count(SCAN_MARKER)
    if scans > MAX_SCANS or scans * header.height * header.width > MAX_SCANNED:
        raise RequestError(
            f"JPEG of {header.height}×{header.width} pixels is progressive and has {scans:,} scans;"
            f" up to {MAX_SCANS} are read, and fewer of large images; save it as a plain JPEG, or "
            "as PNG"
        )


def read_unusual(header: Header, body: bytes, max_pixels: int, media_type: str) -> Images:
    """Images of a JPEG that is lossless, near lossless, or of more than 8 bits.

    Returns:
        uint8 or uint16 (H, W) or (H, W, C), with the range that the file tells.
    """
    import imagecodecs  # takes a twentieth of a second, and few requests need it

    weigh(header.shape, max_pixels, itemsize=2 if header.bits > 8 else 1)
    with decoding(media_type):
        if header.frame == NEAR_LOSSLESS:
            # without a marker at the end, CharLS 2.4.3 looks for bits until its counter overflows
            ended = body if body.endswith(END_MARKER) else bytes(body) + END_MARKER
            pixels = imagecodecs.jpegls_decode(ended)
        else:
            _check_end(body)
            pixels = imagecodecs.jpeg_decode(body, bitspersample=header.bits)
    images = stored(pixels, media_type, "HWC"[: pixels.ndim])
    return replace(images, range=header.range, calibration=header.calibration)


def _check_end(body: bytes | bytearray) -> None:
    """libjpeg makes up what is missing, and tells it in a warning that nobody hears."""
    if body.rfind(END_MARKER) < body.rfind(SCAN_MARKER):
        raise RequestError("JPEG has no end; it was cut, send it whole")


class JpegLs(Reader):
    """Gray or colour of 2 to 16 bits, exact or nearly so."""

    name = "JPEG-LS"
    media_type = media_types.JPEG_LS
    aliases = ("image/x-jls",)
    suffixes = (".jls",)
    picture = True

    def begins(self, body: bytes | bytearray) -> bool:
        if not body.startswith(START):
            return False
        return any(marker == NEAR_LOSSLESS for marker, _ in _segments(body))

    def decode(self, body: bytes, max_pixels: int) -> Images:
        if not self.begins(body):
            raise RequestError(
                f"body begins with {bytes(body[:8])!r}, which is no {self.name}, or a damaged one; "
                "send the bytes of the file, and name their type in Content-Type"
            )
        return read_unusual(read_header(body), body, max_pixels, self.media_type)
