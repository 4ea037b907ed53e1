"""GIF, through Pillow, which makes room for frames as soon as it sees one: it is measured before.

https://www.w3.org/Graphics/GIF/spec-gif89a.txt
"""

import struct

from ...errors import RequestError
from ...images import Images
from .. import media_types
from ..format import Reader, check_begins
from ..weighing import check_frames, weigh
from . import pillow

HEADER = 13  # bytes, with the size of the screen
HAS_COLORS, COLORS = 0x80, 0x07  # of the byte that tells of a palette
FRAME, EXTENSION, END = 0x2C, 0x21, 0x3B  # what blocks begin with
DESCRIPTION = 10  # bytes of a frame before its palette
MAX_BLOCKS = 1 << 19  # of 255 bytes


class Gif(Reader):
    """Palettes of 8 bits; the frames of an animation are a stack."""

    name = "GIF"
    media_type = media_types.GIF
    suffixes = (".gif",)
    signatures = (b"GIF87a", b"GIF89a")
    picture = True

    def decode(self, body: bytes, max_pixels: int) -> Images:
        check_begins(body, self.media_type, [self])
        frames, height, width = measured(body)
        check_frames(frames)
        weigh((frames, height, width) if frames > 1 else (height, width), max_pixels)
        return pillow.read(body, self.name, self.media_type, max_pixels)


def measured(body: bytes | bytearray) -> tuple[int, int, int]:
    """How many frames there are, and the height and the width of what holds all of them.

    Raises:
        RequestError: there is no frame, or there are too many blocks.
    """
    if len(body) < HEADER:
        raise RequestError("GIF ends within its header; it was cut, send it whole")
    width, height = struct.unpack_from("<HH", body, 6)
    place, frames, blocks = HEADER + _palette(body[10]), 0, 0
    while place < len(body):
        kind, blocks = body[place], blocks + 1
        if blocks > MAX_BLOCKS:
            raise RequestError(
                f"GIF has more than {MAX_BLOCKS:,} blocks, which are the most that are read; save "
                "it anew, or as a TIFF"
            )
        if kind == END:
            break
        if kind == FRAME and place + DESCRIPTION < len(body):
            left, top, wide, high, flags = struct.unpack_from("<4HB", body, place + 1)
            frames += 1
            width, height = max(width, left + wide), max(height, top + high)
            place += DESCRIPTION + _palette(flags) + 1  # the size of its codes
        elif kind == EXTENSION:
            place += 2
        else:
            place += 1  # it is nothing; Pillow skips it, too
            continue
        while place < len(body) and body[place] and blocks <= MAX_BLOCKS:
            place += 1 + body[place]
            blocks += 1
        place += 1
    if not frames:
        raise RequestError("GIF holds no frame; the file is damaged or was cut; send it whole")
    return frames, height, width


def _palette(flags: int) -> int:
    """The bytes of the palette that such a byte tells of."""
    return 3 << ((flags & COLORS) + 1) if flags & HAS_COLORS else 0
