"""JPEG 2000, through OpenJPEG: by Pillow where 8 bits are enough, else by imagecodecs.

ITU-T T.800.
"""

import struct
from dataclasses import dataclass, replace

from ..depth import Range
from ..errors import RequestError
from ..images import Images, stored
from . import media_types, pillow
from .format import Reader
from .weighing import decoding, weigh

BARE = b"\xff\x4f\xff\x51"  # the code stream, and its marker of the size
BOXED = b"\0\0\0\x0cjP  \r\n\x87\n"
MAX_COMPONENTS = 4
MAX_TILES = 4096
WORKING = 4  # bytes of a value: OpenJPEG computes in 32 bits


@dataclass(frozen=True)
class Header:
    """What the marker of the size tells.

    Attributes:
        height, width: in pixels.
        bits: of the samples of each channel.
        signed: whether there are negative samples.
        even: whether all channels have as many pixels.
        tiles: into which it is cut.
    """

    height: int
    width: int
    bits: tuple[int, ...]
    signed: bool
    even: bool
    tiles: int

    @property
    def shape(self) -> tuple[int, ...]:
        size = (self.height, self.width)
        return (*size, len(self.bits)) if len(self.bits) > 1 else size

    @property
    def range(self) -> Range:
        bits = max(self.bits)
        low = -(1 << (bits - 1)) if self.signed else 0
        return Range(low, low + (1 << bits) - 1)


def read_header(body: bytes | bytearray) -> Header:
    """The header of the code stream, wherever it begins.

    Raises:
        RequestError: there is none, or it is damaged.
    """
    place = _code_stream(body)
    if place < 0 or place + 42 > len(body):
        raise RequestError("JPEG 2000 has no header; the file is damaged or was cut; send it whole")
    right, bottom, left, top, tile_width, tile_height, tile_left, tile_top, components = (
        struct.unpack_from(">8IH", body, place + 8)
    )
    parts = bytes(body[place + 42 : place + 42 + 3 * components])
    height, width = bottom - top, right - left
    if min(height, width, tile_width, tile_height, len(parts) // 3) < 1:
        raise RequestError(
            "JPEG 2000 has a header that describes no image; the file is damaged or was cut; send "
            "it whole"
        )
    depths, steps = parts[::3], {*zip(parts[1::3], parts[2::3], strict=False)}
    tiles = -(-(right - tile_left) // tile_width) * -(-(bottom - tile_top) // tile_height)
    return Header(
        height=height,
        width=width,
        bits=tuple((depth & 0x7F) + 1 for depth in depths),
        signed=any(depth & 0x80 for depth in depths),
        even=steps == {(1, 1)},
        tiles=tiles,
    )


def _code_stream(body: bytes | bytearray) -> int:
    """Where the code stream begins, behind the boxes of the file; -1: there is none."""
    place = 0
    while not body.startswith(BARE, place):
        if place + 16 > len(body):
            return -1
        length, kind = struct.unpack_from(">I4s", body, place)
        head = 8
        if length == 1:  # then it stands behind the kind
            [length], head = struct.unpack_from(">Q", body, place + 8), 16
        if kind == b"jp2c":
            place += head
            return place if body.startswith(BARE, place) else -1
        if length < head:
            return -1
        place += length
    return place


class Jpeg2000(Reader):
    """Gray or colour of 1 to 16 bits."""

    name = "JPEG2000"  # Pillow's
    media_type = media_types.JPEG_2000
    aliases = ("image/jpx", "image/j2k", "image/jpeg2000", "image/x-jp2")
    suffixes = (".jp2", ".j2k", ".jpx", ".j2c", ".jpc")
    signatures = (BOXED, BARE)
    picture = True

    def decode(self, body: bytes, max_pixels: int) -> Images:
        import imagecodecs  # takes a twentieth of a second, and few requests need it

        if not self.begins(body):
            raise RequestError(
                f"body begins with {bytes(body[:8])!r}, which is no JPEG 2000; send the bytes of "
                "the file, and name their type in Content-Type"
            )
        header = read_header(body)
        weigh(header.shape, max_pixels, WORKING)
        _check(header)
        if header.even and not header.signed and max(header.bits) == 8:
            return pillow.read(body, self.name, self.media_type, max_pixels)
        with decoding(self.media_type):
            pixels = imagecodecs.jpeg2k_decode(body)
        images = stored(pixels, self.media_type, "HWC"[: pixels.ndim])
        return replace(images, range=header.range)


def _check(header: Header) -> None:
    """Refuse what neither library reads right, or soon.

    Raises:
        RequestError: of other kinds.
    """
    came = f"JPEG 2000 has {len(header.bits)} channels of {', '.join(map(str, header.bits[:5]))}"
    if len(header.bits) > MAX_COMPONENTS or len({*header.bits}) > 1 or max(header.bits) > 16:
        raise RequestError(
            f"{came} bits; up to {MAX_COMPONENTS} of one depth, of 16 bits at most, are read; send "
            "others as a TIFF, or as application/x-npy"
        )
    if header.tiles > MAX_TILES:
        raise RequestError(
            f"JPEG 2000 is cut into {header.tiles:,} tiles; up to {MAX_TILES:,} are read; save it "
            "with larger ones"
        )
