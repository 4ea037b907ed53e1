"""BMP, through Pillow."""

from ...errors import PayloadTooLarge
from ...images import Images
from .. import media_types
from ..format import Reader, check_begins
from . import pillow

MAX_RUNS = 16 << 20  # bytes in runs, which Pillow decodes one by one
RUNS_AT = 30  # where a file tells its compression
RUNS = 1, 2  # of 8 and of 4 bits


class Bmp(Reader):
    """Gray, palettes or colour of 8 bits."""

    name = "BMP"
    media_type = media_types.BMP
    aliases = ("image/x-bmp", "image/x-ms-bmp")
    suffixes = (".bmp",)
    signatures = (b"BM",)
    picture = True

    def decode(self, body: bytes, max_pixels: int) -> Images:
        check_begins(body, self.media_type, [self])
        if len(body) > MAX_RUNS and body[RUNS_AT] in RUNS:
            raise PayloadTooLarge(
                f"BMP has {len(body):,} bytes of run-length code; up to {MAX_RUNS:,} are read; "
                "save it uncompressed, or as PNG"
            )
        return pillow.read(body, self.name, self.media_type, max_pixels)
