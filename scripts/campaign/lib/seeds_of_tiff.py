"""Sound TIFFs, as programs of several makers write them."""

import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from segmentation.wire.media_types import TIFF

from .pixels import FLOATS, GRAY, GRAY16, LARGE, RGB, RGBA, STACK

# each with an array that it holds
COMPRESSIONS: dict[str, np.ndarray] = {
    "deflate": GRAY16,
    "adobe_deflate": GRAY,
    "lzw": GRAY,
    "packbits": GRAY,
    "lzma": GRAY,
    "zstd": GRAY16,
    "jpeg": RGB,
    "jpeg2000": GRAY16,
    "jpegxl": GRAY,
    "png": RGB,
    "webp": RGB,
    "lerc": FLOATS,
}

UUID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def written(array: np.ndarray, **options: Any) -> bytes:
    """A TIFF that tifffile writes, without a description unless ``metadata`` is given."""
    file = io.BytesIO()
    colours = array.ndim > 2 and array.shape[-1] in (3, 4)
    photometric = "rgb" if colours else "minisblack"
    options = {"photometric": photometric, "metadata": None} | options
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def all_of_them() -> Iterator[tuple[str, str, bytes]]:
    """Their kind, media type, and bytes."""
    for body in _plain():
        yield "TIFF", TIFF, body
    for body in _compressed():
        yield "TIFF compressed", TIFF, body
    for body in _described():
        # tifffile makes a new one each time, and the corpus is always the same
        yield "TIFF described", TIFF, UUID.sub(b"00000000-0000-0000-0000-000000000000", body)


def large() -> Iterator[tuple[str, bytes]]:
    """Few bytes, many pixels."""
    for compression in ("deflate", "lzw", "zstd", "packbits", "jpeg2000", "jpegxl", "webp"):
        array = np.dstack([LARGE] * 3) if compression == "webp" else LARGE
        yield TIFF, written(array, compression=compression)
    yield TIFF, written(LARGE.astype(np.float64) / 255, compression="deflate", rowsperstrip=50)
    yield TIFF, written(LARGE, compression="deflate", tile=(256, 256))
    palette = np.zeros((3, 256), np.uint16)
    palette[0] = np.arange(256) * 257
    yield TIFF, written(LARGE, photometric="palette", colormap=palette, compression="deflate")


def _plain() -> Iterator[bytes]:
    for dtype in ("u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8"):
        array = GRAY.astype(dtype)
        yield written(array / array.dtype.type(255) if dtype.startswith("f") else array)
    yield written(GRAY > 100)
    for order in "<>":
        yield written(GRAY16, byteorder=order, bigtiff=order == ">")
        yield written(STACK, byteorder=order, bigtiff=order == "<")
    yield written(RGB)
    yield written(RGBA, extrasamples=["unassalpha"])
    yield written(np.moveaxis(RGB, -1, 0), photometric="rgb", planarconfig="separate")
    yield written(GRAY, rowsperstrip=3)
    yield written(GRAY, tile=(16, 16))
    yield written(STACK, tile=(2, 16, 16), volumetric=True)
    yield written(GRAY, photometric="miniswhite", resolution=(300, 300), resolutionunit="INCH")
    palette = (np.arange(768).reshape(3, 256) * 85 % 65_536).astype(np.uint16)
    yield written(GRAY, photometric="palette", colormap=palette)
    yield written(GRAY, extratags=[(281, 3, 1, 200, True)])
    for mode, options in (("L", {}), ("1", {"compression": "group4"}), ("1", {}), ("P", {})):
        file = io.BytesIO()
        Image.fromarray(GRAY).convert(mode).save(file, "TIFF", **options)
        yield file.getvalue()


def _compressed() -> Iterator[bytes]:
    for compression, array in COMPRESSIONS.items():
        yield written(array, compression=compression)
        yield written(array, compression=compression, tile=(16, 16))
    for compression in ("lzw", "deflate", "zstd"):
        yield written(GRAY16, compression=compression, predictor=True, rowsperstrip=7)
        yield written(FLOATS, compression=compression, predictor=True)
    yield written(STACK, compression="lzw", byteorder=">")
    yield written(STACK, compression="jpeg2000", bigtiff=True)


def _described() -> Iterator[bytes]:
    channels = np.stack([GRAY16, GRAY16 // 2])
    volume = np.stack([channels] * 3)
    for axes, array in (("YX", GRAY), ("CYX", channels), ("ZCYX", volume)):
        yield written(array, metadata={"axes": axes}, ome=True)
        yield written(array, metadata={"axes": axes})
    yield written(volume, imagej=True, resolution=(5, 5), metadata={"axes": "ZCYX", "unit": "um"})
    yield written(STACK, imagej=True, metadata={"axes": "TYX", "spacing": 0.5})
    file = io.BytesIO()
    with tifffile.TiffWriter(file, ome=True) as writer:
        for _ in range(2):
            writer.write(channels, photometric="minisblack", metadata={"axes": "CYX"})
    yield file.getvalue()
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(GRAY, photometric="minisblack", metadata=None, subifds=1)
        writer.write(GRAY[::2, ::2], photometric="minisblack", metadata=None, subfiletype=1)
        writer.write(GRAY, photometric="minisblack", metadata=None, subfiletype=2)
    yield file.getvalue()
