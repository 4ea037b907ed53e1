"""Bodies of requests, built in the test, and of answers, read back into arrays."""

import io
import json
import struct
import zlib

import numpy as np
from PIL import Image, ImageSequence

from segmentation.wire.media_types import CSV, JSON, JSONLINES, NPY, NPZ

GRAY = np.arange(15, dtype=np.uint8).reshape(3, 5) * 17
STACK = np.stack([GRAY, 255 - GRAY])
RGB = np.stack([GRAY, GRAY // 2, GRAY // 4], axis=-1)


def json_array(array: np.ndarray) -> bytes:
    return json.dumps(array.tolist()).encode()


def json_instances(array: np.ndarray) -> bytes:
    return json.dumps({"instances": array.tolist()}).encode()


def jsonlines(array: np.ndarray) -> bytes:
    return b"".join(json_array(image) + b"\n" for image in array)


def csv(array: np.ndarray) -> bytes:
    return "\n".join(",".join(map(str, row)) for row in array.tolist()).encode()


def npy(array: np.ndarray, **options: bool) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def npz(*unnamed: np.ndarray, **named: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, *unnamed, **named)
    return file.getvalue()


def picture(array: np.ndarray, pil_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, pil_format, **options)
    return file.getvalue()


def png(array: np.ndarray) -> bytes:
    return picture(array, "PNG")


def jpeg(array: np.ndarray) -> bytes:
    return picture(array, "JPEG", quality=100)


def tiff(array: np.ndarray) -> bytes:
    """(H, W) or (H, W, 3) as one page; (N, H, W) as N pages."""
    if array.ndim == 2 or array.shape[-1] == 3:
        return picture(array, "TIFF")
    first, *others = (Image.fromarray(page) for page in array)
    file = io.BytesIO()
    first.save(file, "TIFF", save_all=True, append_images=others)
    return file.getvalue()


def png_of_claimed_size(height: int, width: int) -> bytes:
    """A small PNG whose header claims a size, as decompression bombs do."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def read(body: bytes, media_type: str) -> np.ndarray:
    if media_type == JSON:
        return np.array(json.loads(body))
    if media_type == JSONLINES:
        return np.array([json.loads(line) for line in body.splitlines()])
    if media_type == CSV:
        return np.loadtxt(io.BytesIO(body), delimiter=",", ndmin=2)
    if media_type == NPY:
        return np.load(io.BytesIO(body))
    if media_type == NPZ:
        return np.load(io.BytesIO(body))["predictions"]
    with Image.open(io.BytesIO(body)) as image:
        pages = [np.array(page) for page in ImageSequence.Iterator(image)]
    return np.stack(pages) if len(pages) > 1 else pages[0]
