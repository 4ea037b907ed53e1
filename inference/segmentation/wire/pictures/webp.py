"""WebP, through Pillow, which makes room for two frames when it opens one: it is measured before.

https://developers.google.com/speed/webp/docs/riff_container
"""

from ...errors import RequestError
from ...images import Images
from .. import media_types
from ..format import Reader, check_begins
from ..weighing import weigh
from . import pillow

HEADER = 25  # bytes of the shortest, with its size
KIND, LOSSY, LOSSLESS, EXTENDED = slice(12, 16), b"VP8 ", b"VP8L", b"VP8X"
SIDE = (1 << 14) - 1  # the bits of a side where it is not extended
CHANNELS = 4  # of the frames that Pillow makes room for


class WebP(Reader):
    """Colour of 8 bits; the frames of an animation are a stack."""

    name = "WEBP"
    media_type = media_types.WEBP
    suffixes = (".webp",)
    picture = True

    def begins(self, body: bytes | bytearray) -> bool:
        return body[:4] == b"RIFF" and body[8:12] == b"WEBP"

    def decode(self, body: bytes, max_pixels: int) -> Images:
        check_begins(body, self.media_type, [self])
        weigh((*measured(body), CHANNELS), max_pixels)
        return pillow.read(body, self.name, self.media_type, max_pixels)


def measured(body: bytes | bytearray) -> tuple[int, int]:
    """The height and the width of what holds all frames.

    Raises:
        RequestError: the file ends within its header, or holds no picture where it must be.
    """
    if len(body) < HEADER:
        raise RequestError("WebP ends within its header; it was cut, send it whole")
    kind = bytes(body[KIND])
    if kind == EXTENDED:
        return 1 + _number(body, 27, 3), 1 + _number(body, 24, 3)
    if kind == LOSSLESS:
        sides = _number(body, 21, 4)
        return 1 + (sides >> 14 & SIDE), 1 + (sides & SIDE)
    if kind == LOSSY:
        return _number(body, 28, 2) & SIDE, _number(body, 26, 2) & SIDE
    raise RequestError(
        f"WebP has {kind!r} where its picture should begin; the file is damaged; send it whole"
    )


def _number(body: bytes | bytearray, place: int, size: int) -> int:
    return int.from_bytes(body[place : place + size], "little")
