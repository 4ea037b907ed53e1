"""Sound pictures of all other formats, as Pillow and imagecodecs write them."""

import io
import struct
from collections.abc import Iterator
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image

from segmentation.wire import media_types

from .pixels import GRAY, GRAY16, LARGE, RGB, RGBA, STACK

Written = bytes | bytearray


def picture(array: np.ndarray, name: str, mode: str = "", **options: Any) -> bytes:
    """A picture that Pillow writes; ``name`` is its name of the format."""
    file = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(file, name, **options)
    return file.getvalue()


def animation(name: str, mode: str = "", **options: Any) -> bytes:
    """An animation that Pillow writes."""
    frames = [Image.fromarray(plane) for plane in STACK]
    frames = [frame.convert(mode) for frame in frames] if mode else frames
    file = io.BytesIO()
    frames[0].save(file, name, save_all=True, append_images=frames[1:], duration=100, **options)
    return file.getvalue()


def all_of_them() -> Iterator[tuple[str, str, bytes]]:
    """Their kind, media type, and bytes."""
    several = {
        ("PNG", media_types.PNG): _pngs(),
        ("JPEG", media_types.JPEG): _jpegs(),
        ("JPEG-LS", media_types.JPEG_LS): _jpegs_ls(),
        ("JPEG2000", media_types.JPEG_2000): _jpegs_2000(),
        ("JPEGXL", media_types.JPEG_XL): _jpegs_xl(),
        ("WEBP", media_types.WEBP): _webps(),
        ("AVIF", media_types.AVIF): _avifs(),
        ("GIF", media_types.GIF): _gifs(),
        ("BMP", media_types.BMP): _bmps(),
    }
    for (kind, media_type), bodies in several.items():
        for body in bodies:
            yield kind, media_type, bytes(body)


def large() -> Iterator[tuple[str, bytes]]:
    """Few bytes, many pixels."""
    yield media_types.PNG, picture(LARGE, "PNG", "P")
    yield media_types.PNG, picture(LARGE.astype(np.uint16), "PNG")
    yield media_types.JPEG, picture(LARGE, "JPEG", progressive=True)
    yield media_types.GIF, picture(LARGE, "GIF")
    yield media_types.WEBP, picture(LARGE, "WEBP", "RGB", lossless=True)
    yield media_types.AVIF, picture(LARGE, "AVIF", "RGB", speed=10)
    yield media_types.JPEG_2000, bytes(imagecodecs.jpeg2k_encode(LARGE, codecformat="jp2"))
    yield media_types.JPEG_LS, bytes(imagecodecs.jpegls_encode(LARGE))
    yield media_types.JPEG_XL, bytes(imagecodecs.jpegxl_encode(LARGE, lossless=True, effort=3))


def _pngs() -> Iterator[Written]:
    yield picture(GRAY, "PNG")
    yield picture(GRAY16, "PNG", dpi=(300, 300))
    yield picture(RGB, "PNG", transparency=(1, 2, 3))
    yield picture(RGBA, "PNG")
    yield picture(RGBA, "PNG", "LA")
    yield picture(RGB, "PNG", "P", transparency=3)
    for bits in (1, 2, 4):
        yield picture(GRAY & 1, "PNG", "P", bits=bits)
    yield picture(GRAY, "PNG", "1")
    yield imagecodecs.png_encode(np.dstack([GRAY16] * 3))
    yield imagecodecs.apng_encode(STACK)
    yield animation("PNG")
    plain = picture(GRAY16 >> 4, "PNG")
    significant = struct.pack(">I4sBI", 1, b"sBIT", 12, 0x77B8D7C4)
    yield plain[:33] + significant + plain[33:]


def _jpegs() -> Iterator[Written]:
    yield picture(GRAY, "JPEG")
    yield picture(RGB, "JPEG", quality=30, dpi=(72, 72))
    yield picture(RGB, "JPEG", progressive=True, subsampling=0)
    yield picture(RGB, "JPEG", restart_marker_blocks=2)
    yield picture(RGB, "JPEG", "CMYK")
    yield imagecodecs.jpeg_encode(GRAY16 >> 4, bitspersample=12)
    yield imagecodecs.jpeg_encode(GRAY16, lossless=True, bitspersample=16)


def _jpegs_ls() -> Iterator[Written]:
    yield imagecodecs.jpegls_encode(GRAY)
    yield imagecodecs.jpegls_encode(GRAY16)
    yield imagecodecs.jpegls_encode(RGB, level=2)


def _jpegs_2000() -> Iterator[Written]:
    for container in ("jp2", "j2k"):
        yield imagecodecs.jpeg2k_encode(GRAY, codecformat=container)
        yield imagecodecs.jpeg2k_encode(GRAY16, codecformat=container, reversible=True)
        yield imagecodecs.jpeg2k_encode(RGB, codecformat=container, level=30)
    yield picture(RGB, "JPEG2000", tile_size=(16, 16))
    yield picture(RGBA, "JPEG2000")


def _jpegs_xl() -> Iterator[Written]:
    for array in (GRAY, GRAY16, RGB, RGBA, (GRAY / 255).astype(np.float32)):
        yield imagecodecs.jpegxl_encode(array, lossless=True, effort=3)
    yield imagecodecs.jpegxl_encode(RGB, level=80, effort=3)
    yield imagecodecs.jpegxl_encode(GRAY, usecontainer=True, effort=3)


def _webps() -> Iterator[Written]:
    yield picture(RGB, "WEBP", lossless=True)
    yield picture(RGB, "WEBP", quality=40)
    yield picture(RGBA, "WEBP", exact=True)
    yield animation("WEBP", "RGB", lossless=True)


def _avifs() -> Iterator[Written]:
    yield picture(RGB, "AVIF", speed=10)
    yield picture(RGBA, "AVIF", speed=10)
    yield imagecodecs.avif_encode(np.dstack([GRAY16 >> 6] * 3), bitspersample=10, speed=10)
    yield imagecodecs.avif_encode(GRAY16 >> 4, bitspersample=12, speed=10)
    yield _timeless(animation("AVIF", "RGB", speed=10))


def _timeless(body: bytes) -> bytes:
    """An animation in boxes without the time of its making: the corpus is always the same."""
    changed = bytearray(body)
    for box in (b"mvhd", b"tkhd", b"mdhd"):
        at = body.index(box) + 4
        size = 16 if body[at] else 8  # of two times, by the version of the box
        changed[at + 4 : at + 4 + size] = bytes(size)
    return bytes(changed)


def _gifs() -> Iterator[Written]:
    yield picture(GRAY, "GIF")
    yield picture(RGB, "GIF", interlace=1)
    yield animation("GIF", transparency=0)
    yield animation("GIF", "RGB", disposal=2)


def _bmps() -> Iterator[Written]:
    yield picture(GRAY, "BMP")
    yield picture(RGB, "BMP")
    yield picture(GRAY, "BMP", "1")
    colors = b"".join(bytes((value, value, value, 0)) for value in range(256))
    runs = b"\x08\x05\x00\x00" * 4 + b"\x00\x01"
    header = struct.pack("<IiiHHIIiiII", 40, 8, 4, 1, 8, 1, len(runs), 2835, 2835, 256, 0)
    at = 14 + len(header) + len(colors)
    yield struct.pack("<2sIHHI", b"BM", at + len(runs), 0, 0, at) + header + colors + runs
