"""Pictures that Pillow reads, and that answers are not written in: WebP and BMP."""

from ...errors import PayloadTooLarge
from ...images import Images
from .. import media_types
from ..format import Reader, check_begins
from . import pillow

MAX_RUNS = 16 << 20  # bytes of a BMP in runs, which Pillow decodes one by one
RUNS_AT = 30  # where a BMP tells its compression
RUNS = 1, 2  # of 8 and of 4 bits


class Other(Reader):
    """A picture that Pillow reads; its name is Pillow's. The frames of an animation are a stack."""

    picture = True

    def decode(self, body: bytes, max_pixels: int) -> Images:
        check_begins(body, self.media_type, [self])
        return pillow.read(body, self.name, self.media_type, max_pixels)


class WebP(Other):
    """Colour of 8 bits."""

    name = "WEBP"
    media_type = media_types.WEBP
    suffixes = (".webp",)

    def begins(self, body: bytes | bytearray) -> bool:
        return body[:4] == b"RIFF" and body[8:12] == b"WEBP"


class Bmp(Other):
    """Gray, palettes or colour of 8 bits."""

    name = "BMP"
    media_type = media_types.BMP
    aliases = ("image/x-bmp", "image/x-ms-bmp")
    suffixes = (".bmp",)
    signatures = (b"BM",)

    def decode(self, body: bytes, max_pixels: int) -> Images:
        if len(body) > MAX_RUNS and body[RUNS_AT] in RUNS:
            raise PayloadTooLarge(
                f"BMP has {len(body):,} bytes of run-length code; up to {MAX_RUNS:,} are read; "
                "save it uncompressed, or as PNG"
            )
        return super().decode(body, max_pixels)
