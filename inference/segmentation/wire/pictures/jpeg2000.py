"""JPEG 2000, through OpenJPEG: by Pillow where 8 bits are enough, else by imagecodecs.

ITU-T T.800.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...depth import Range
from ...errors import RequestError
from ...images import Images, stored
from .. import media_types
from ..format import Reader, check_begins
from ..weighing import decoding, weigh
from . import pillow

BARE = b"\xff\x4f\xff\x51"  # the code stream, and its marker of the size
BOXED = b"\0\0\0\x0cjP  \r\n\x87\n"
MAX_COMPONENTS = 4
MAX_TILES = 4096
MAX_BOXES = 1000
ENUMERATED, GRAY = b"\1", b"\0\0\0\x11"  # of a box that tells the colour space
COLOUR, OPACITY = 0, (1, 2)  # types of channels; of the second, colours are multiplied by it
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
    if body.startswith(BARE):
        return 0
    for kind, begin, _ in _boxes(body, 0, len(body)):
        if kind == b"jp2c":
            return begin if body.startswith(BARE, begin) else -1
    return -1


def _boxes(body: bytes | bytearray, place: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The kind of each box, and where its content begins and ends.

    Raises:
        RequestError: there are too many.
    """
    for _ in range(MAX_BOXES):
        if place + 8 > end:
            return
        length, kind = struct.unpack_from(">I4s", body, place)
        head = 8
        if length == 1:  # then it stands behind the kind
            if place + 16 > end:
                return
            [length], head = struct.unpack_from(">Q", body, place + 8), 16
        elif length == 0:
            length = end - place
        yield kind, place + head, min(place + length, end)
        if length < head:
            return
        place += length
    raise RequestError(
        f"JPEG 2000 has more than {MAX_BOXES:,} boxes; up to {MAX_BOXES:,} are read; save it "
        "without its metadata"
    )


def _alpha(body: bytes | bytearray, components: int) -> bool | None:
    """True: the file says that the last component, once in order, is opacity; None: it does not."""
    content = _described(body, b"cdef") if components in (2, 4) else None
    if content is None:
        return None
    # how many there are, then number, type, and colour of each
    told = struct.iter_unpack(">3H", content[2 : 2 + (len(content) - 2) // 6 * 6])
    opacity = [number for number, meaning, _ in told if meaning in OPACITY]
    last = opacity == [components - 1] or _is_reordered(body)
    return True if last and len(opacity) == 1 else None


def _is_reordered(body: bytes | bytearray) -> bool:
    """Whether a colour does not stand at its place, as in BGR: Pillow takes it as it stands."""
    content = _described(body, b"cdef") or b"\0\0"
    told = struct.iter_unpack(">3H", content[2 : 2 + (len(content) - 2) // 6 * 6])
    return any(
        meaning == COLOUR and place != number + 1 for number, meaning, place in told if place
    )


def _palette(body: bytes | bytearray) -> bytes:
    """How many bits less one the columns of the palette have; empty: there is no palette.

    Raises:
        RequestError: of columns that are not alike, or of numbers below 0.
    """
    content = _described(body, b"pclr")
    if content is None or len(content) < 4:
        return b""
    depths = content[3 : 3 + content[2]]
    if len({*depths}) > 1 or max(depths, default=0) > 15 or len(depths) > MAX_COMPONENTS:
        raise RequestError(
            f"JPEG 2000 has a palette of {len(depths)} columns of several depths, or of more than "
            f"16 bits; up to {MAX_COMPONENTS} of one depth are read; save it without a palette"
        )
    return depths


def _range(header: Header, palette: bytes) -> Range | None:
    """That of the samples, or of the colours that they stand for; None of what may be below 0."""
    bits = palette[0] + 1 if palette else max(header.bits)
    return None if header.signed else Range(0, (1 << bits) - 1)


def _is_of_planes(body: bytes | bytearray, components: int) -> bool:
    """Whether the components are said to be gray and are several: Pillow refuses such files."""
    content = _described(body, b"colr") if components > 2 else None
    return content is not None and content[:1] == ENUMERATED and content[3:7] == GRAY


def _described(body: bytes | bytearray, wanted: bytes) -> bytes | None:
    """The content of a box of the header before the code stream; None: there is none."""
    if body.startswith(BARE):
        return None
    for kind, begin, end in _boxes(body, 0, len(body)):
        if kind == b"jp2c":
            return None
        if kind == b"jp2h":
            for inner, first, last in _boxes(body, begin, end):
                if inner == wanted:
                    return bytes(body[first:last])
    return None


class Jpeg2000(Reader):
    """Gray or colour of 1 to 16 bits."""

    name = "JPEG2000"  # Pillow's
    media_type = media_types.JPEG_2000
    aliases = ("image/jpx", "image/j2k", "image/jpeg2000", "image/x-jp2")
    suffixes = (".jp2", ".j2k", ".jpx", ".j2c", ".jpc")
    signatures = (BOXED, BARE)
    picture = True

    def decode(self, body: bytes, max_pixels: int) -> Images:
        check_begins(body, self.media_type, [self])
        header = read_header(body)
        palette = _palette(body)
        components = max(len(palette), len(header.bits))
        size = (header.height, header.width)
        weigh((*size, components) if components > 1 else size, max_pixels, WORKING)
        _check(header)
        alpha = _alpha(body, components)
        usual = header.even and not header.signed and max(header.bits) == 8 and not palette
        if usual and not _is_of_planes(body, len(header.bits)) and not _is_reordered(body):
            images = pillow.read(body, self.name, self.media_type, max_pixels)
            several = len(header.bits) > 1  # else what has more channels is looked up in a palette
            return replace(images, alpha=alpha) if several else images
        import imagecodecs  # takes a twentieth of a second, and few requests need it

        with decoding(self.media_type):
            pixels = imagecodecs.jpeg2k_decode(body)
        images = stored(pixels, self.media_type, "HWC"[: pixels.ndim])
        return replace(images, range=_range(header, palette), alpha=alpha)


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
