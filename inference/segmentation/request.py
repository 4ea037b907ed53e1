"""From the bytes of a request to images.

Every decoder takes a body and returns ``Images``. Nothing here unpickles, and sizes are checked
before a pixel is decoded. Errors of the libraries underneath become ``RequestError`` here.
"""

import contextlib
import gc
import io
import math
import warnings
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import orjson

from . import image_files, media_types
from .errors import OutOfMemory, RequestError, UnsupportedMediaType
from .images import (
    Images,
    check_memory,
    check_range,
    check_shape,
    check_size,
    from_array,
    times,
)

UNIT = 1 / 255  # of JSON, JSON Lines and CSV: intensities are given from 0 to 255


def decode(body: bytes | str, content_type: str | None, max_pixels: int) -> Images:
    """Decode the body of a request.

    Args:
        body: as it came; text may already be decoded to str.
        content_type: the header's value, or None.
        max_pixels: the most pixels (N * H * W) to accept.

    Returns:
        The images; at least one pixel, intensities within their range, no NaN.

    Raises:
        UnsupportedMediaType: the content type is none of ``media_types.SUPPORTED``.
        PayloadTooLarge: more than ``max_pixels``.
        OutOfMemory: the memory that is left would not hold them.
        RequestError: anything else that is wrong with the body.
    """
    name = media_types.parse(content_type)[0] if content_type else None
    if name not in DECODERS:
        came = f"Content-Type is {content_type!r}" if content_type else "Content-Type is missing"
        raise UnsupportedMediaType(
            f"{came}; images are read from {', '.join(media_types.SUPPORTED)}; "
            "send one of these and name it in the Content-Type header"
        )
    if not body:
        raise RequestError(f"body is empty; {name} must hold an image; send its bytes as the body")
    with _no_garbage_collection():
        images = DECODERS[name](body, name, max_pixels)
    check_size(images.pixels.shape, max_pixels)
    return images


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Half a million lists make it look through all of TensorFlow's objects again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


# --- text ---------------------------------------------------------------------------------------


def _decode_json(body: bytes | str, media_type: str, max_pixels: int) -> Images:
    content = _parse_json(body, "body")
    if isinstance(content, dict):
        if "instances" not in content:
            raise RequestError(
                f"JSON object has the keys {sorted(content)[:5]}; the images stand under "
                '"instances"; send {"instances": […]} or the bare array'
            )
        content = content["instances"]
    return Images(_intensities(content, "array"), UNIT, "", media_type)


def _decode_jsonlines(body: bytes | str, media_type: str, max_pixels: int) -> Images:
    lines = [line for line in body.splitlines() if line.strip()]
    if not lines:
        raise RequestError("body has no line; JSON Lines holds one image a line; send at least one")
    images: list[np.ndarray] = []
    for number, line in enumerate(lines, start=1):
        image = _intensities(_parse_json(line, f"line {number}"), f"line {number}")
        if image.ndim == 4 or image.shape != (images or [image])[0].shape:
            raise RequestError(
                f"line {number} is {times(image.shape)}, line 1 is "
                f"{times((images or [image])[0].shape)}; each line holds one image, H×W or H×W×C, "
                "and all have one size; send images of other sizes in requests of their own"
            )
        images.append(image)
    stack = np.stack(images)
    return Images(stack, UNIT, "NHW" if stack.ndim == 3 else "NHWC", media_type)


def _decode_csv(body: bytes | str, media_type: str, max_pixels: int) -> Images:
    text = body if isinstance(body, str) else _utf8(body)
    lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip()]
    if not lines:
        raise RequestError("body has no row; CSV holds one image, a row a line; send at least one")
    try:
        image = np.loadtxt(lines, np.float32, delimiter=",", comments=None, ndmin=2)
    except ValueError as exc:
        raise RequestError(
            f"CSV cannot be read: {exc}; every line is a row of the image, numbers 0–255 between "
            "commas, all rows of one length, no header; mend that row"
        ) from exc
    check_range(image, 255, "intensities in CSV", "send 16-bit images as PNG, TIFF or NPY")
    return Images(image, UNIT, "HW", media_type)


def _parse_json(text: bytes | str, where: str) -> Any:
    try:
        return orjson.loads(text if isinstance(text, str) else _utf8(text))
    except orjson.JSONDecodeError as exc:
        raise RequestError(
            f"{where} is not JSON: {exc}; send a nested array of numbers 0–255 (NaN and Infinity "
            "are not JSON)"
        ) from exc


def _utf8(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise RequestError(f"body is not UTF-8: {exc}; text must be sent in UTF-8") from exc


def _intensities(content: Any, where: str) -> np.ndarray:
    """Nested lists of numbers 0–255 -> uint8 or float32 array of 2 to 4 axes."""
    with contextlib.suppress(TypeError, ValueError, LookupError):
        return _eight_bits(content)
    try:
        array = np.asarray(content)
    except ValueError as exc:
        raise RequestError(
            f"{where} is ragged; rows must have one length, images one size; pad or split it"
        ) from exc
    if array.size and array.dtype.kind not in "iuf":
        raise RequestError(
            f"{where} holds something that is no number; images are nested arrays of numbers "
            "0–255; convert it"
        )
    check_shape(array.shape, where)
    check_range(array, 255, "intensities in JSON", "send 16-bit images as PNG, TIFF or NPY")
    return array.astype(np.float32)


def _eight_bits(content: Any, axes: int = 4) -> np.ndarray:
    """Images of whole numbers 0–255 -> uint8 of 2 to 4 axes, much faster than by numpy.asarray.

    Raises:
        TypeError, ValueError, LookupError: the content is something else.
    """
    if axes > 2 and isinstance(content[0][0], list):
        return np.stack([_eight_bits(plane, axes - 1) for plane in content])
    [width] = {len(row) for row in content}
    if type(content[0][0]) is not int:  # True is an int, too
        raise TypeError
    return np.frombuffer(b"".join(map(bytes, content)), np.uint8).reshape(-1, width)


# --- NumPy --------------------------------------------------------------------------------------


def _decode_npy(body: bytes, media_type: str, max_pixels: int) -> Images:
    return from_array(_read_npy(io.BytesIO(body), max_pixels), media_type)


def _decode_npz(body: bytes, media_type: str, max_pixels: int) -> Images:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = archive.namelist()
            name = "instances.npy" if "instances.npy" in names else "".join(names[:2])
            if name not in names:
                raise RequestError(
                    f"NPZ holds the arrays {[n.removesuffix('.npy') for n in names[:5]]}; the "
                    "images are the array 'instances', or the only one; name it so in numpy.savez"
                )
            with archive.open(name) as file:
                return from_array(_read_npy(file, max_pixels), media_type)
    except (RequestError, OutOfMemory, MemoryError):
        raise
    except Exception as exc:  # zipfile and zlib raise a dozen kinds on damaged files
        raise RequestError(
            f"NPZ cannot be read: {exc}; write it with numpy.savez or savez_compressed"
        ) from exc


def _read_npy(file: Any, max_pixels: int) -> np.ndarray:
    """Read one array without unpickling, its size checked before its data is read."""
    try:
        shape, fortran, dtype = _read_npy_header(file)
    except Exception as exc:  # numpy parses it as Python: TokenError, SyntaxError, ValueError, …
        raise RequestError(f"NPY header cannot be read: {exc}; write it with numpy.save") from exc
    if dtype.hasobject or dtype.names:
        raise RequestError(
            f"NPY holds {dtype}, which numpy pickles; only plain numbers are read, never pickles; "
            "convert it with .astype(numpy.uint8) and numpy.save(…, allow_pickle=False)"
        )
    check_shape(shape)
    check_size(shape, max_pixels)
    check_memory(shape)
    size = math.prod(shape) * dtype.itemsize
    data = file.read(size)
    if len(data) != size or file.read(1):
        came = f"{len(data)}" if len(data) < size else f"more than {size}"
        raise RequestError(
            f"NPY holds {came} bytes of data; its header ({times(shape)} {dtype}) needs {size}; "
            "the file was cut or changed, send it whole"
        )
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read_npy_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    with warnings.catch_warnings(action="ignore"):  # about headers that Python 2 wrote
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(file)
        if version == (2, 0):
            return np.lib.format.read_array_header_2_0(file)
    raise ValueError(f"version {version} of the format is not read here")


DECODERS: dict[str, Callable[[Any, str, int], Images]] = {
    media_types.JSON: _decode_json,
    media_types.JSONLINES: _decode_jsonlines,
    media_types.CSV: _decode_csv,
    media_types.NPY: _decode_npy,
    media_types.NPZ: _decode_npz,
    media_types.PNG: image_files.decode,
    media_types.JPEG: image_files.decode,
    media_types.TIFF: image_files.decode,
    media_types.ANY_IMAGE: image_files.decode,
}
