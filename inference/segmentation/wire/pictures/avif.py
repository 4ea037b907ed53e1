"""AVIF: by Pillow where it is of 8 bits, else by imagecodecs.

https://aomediacodec.github.io/av1-avif/
"""

from dataclasses import replace

from ...depth import Range
from ...errors import RequestError
from ...images import Images, stored
from .. import media_types
from ..format import Reader
from ..weighing import decoding, weigh
from . import pillow

BRANDS = (b"avif", b"avis")
MOST_BRANDS = 256  # bytes of the first box
CONFIGURATION = b"av1C"  # the box that tells the depth
SEARCHED = 1 << 16  # bytes of the file
HIGH, TWELVE = 0x40, 0x20  # bits of its third byte


class Avif(Reader):
    """Gray or colour of 8, 10 or 12 bits."""

    name = "AVIF"
    media_type = media_types.AVIF
    suffixes = (".avif",)
    picture = True

    def begins(self, body: bytes | bytearray) -> bool:
        """Whether one of its brands says so: HEIC begins with the same box."""
        if body[4:8] != b"ftyp":
            return False
        brands = body[8 : min(int.from_bytes(body[:4], "big"), MOST_BRANDS)]
        return any(brand in brands for brand in BRANDS)

    def decode(self, body: bytes, max_pixels: int) -> Images:
        if not self.begins(body):
            raise RequestError(
                f"body begins with {bytes(body[:12])!r}, which is no {self.name}; send the bytes "
                "of the file, and name their type in Content-Type"
            )
        bits = _bits(body)
        if bits == 8:
            return pillow.read(body, self.name, self.media_type, max_pixels)
        import imagecodecs  # takes a twentieth of a second, and few requests need it

        with decoding(self.media_type):
            with pillow.opened(body, self.name) as image:
                shape = (image.height, image.width, len(image.getbands()))
                frames = getattr(image, "n_frames", 1)
            if frames > 1:
                raise RequestError(
                    f"AVIF is an animation of {bits} bits; those of 8 bits are read; send its "
                    "frames as a TIFF"
                )
            weigh(shape, max_pixels, itemsize=4)
            pixels = imagecodecs.avif_decode(body)
        images = stored(pixels, self.media_type, "HWC"[: pixels.ndim])
        return replace(
            images, range=Range(0, (1 << bits) - 1), alpha=pixels.shape[2:] in ((2,), (4,))
        )


def _bits(body: bytes | bytearray) -> int:
    """Of a sample, as the first configuration of its decoder tells."""
    place = body.find(CONFIGURATION, 0, SEARCHED)
    if place < 0 or place + 7 > len(body):
        return 8
    flags = body[place + len(CONFIGURATION) + 2]
    return 8 if not flags & HIGH else 12 if flags & TWELVE else 10
