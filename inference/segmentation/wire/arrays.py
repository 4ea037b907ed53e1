"""NPY and NPZ, NumPy's own formats. Nothing is unpickled: a pickle in a request is code.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import io
import math
import warnings
import zipfile
from typing import Any

import numpy as np

from ..answers import Prediction
from ..errors import OutOfMemory, RequestError
from ..images import Images, check_memory, check_shape, check_size, stored, times
from . import media_types
from .format import Format

MEMBER_SUFFIX = ".npy"
IMAGES = "instances"  # the array of a request's NPZ that holds the images


class Npy(Format):
    """One array, of the axes that ``images.Images`` may have."""

    name = "NPY"
    media_type = media_types.NPY
    suffixes = (".npy",)
    signatures = (b"\x93NUMPY",)
    place = 3

    def decode(self, body: bytes, max_pixels: int) -> Images:
        return stored(_read_npy(io.BytesIO(body), max_pixels), self.media_type)

    def encode(self, prediction: Prediction) -> bytes:
        file = io.BytesIO()
        np.save(file, np.asarray(prediction), allow_pickle=False)
        return file.getvalue()


class Npz(Format):
    """A ZIP archive of arrays: ``instances`` of requests, ``predictions`` of answers."""

    name = "NPZ"
    media_type = media_types.NPZ
    suffixes = (".npz",)
    place = 4

    def decode(self, body: bytes, max_pixels: int) -> Images:
        try:
            with (
                zipfile.ZipFile(io.BytesIO(body)) as archive,
                archive.open(_member(archive.namelist())) as file,
            ):
                return stored(_read_npy(file, max_pixels), self.media_type)
        except (RequestError, OutOfMemory, MemoryError):
            raise
        except Exception as exc:  # zipfile and zlib raise a dozen kinds on damaged files
            raise RequestError(
                f"NPZ cannot be read: {exc}; write it with numpy.savez or savez_compressed"
            ) from exc

    def encode(self, prediction: Prediction) -> bytes:
        file = io.BytesIO()
        np.savez_compressed(file, predictions=np.asarray(prediction))
        return file.getvalue()


def _member(names: list[str]) -> str:
    """The member that holds the images."""
    if IMAGES + MEMBER_SUFFIX in names:
        return IMAGES + MEMBER_SUFFIX
    if len(names) == 1:
        return names[0]
    arrays = [name.removesuffix(MEMBER_SUFFIX) for name in names[:5]]
    raise RequestError(
        f"NPZ holds the arrays {arrays}; the images are the array {IMAGES!r}, or the only one; "
        "name it so in numpy.savez"
    )


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
    data = _read_data(file, shape, dtype)
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


def _read_data(file: Any, shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """As many bytes as the header says, and the end of the file after them."""
    size = math.prod(shape) * dtype.itemsize
    data = file.read(size)
    if len(data) != size or file.read(1):
        came = f"{len(data)}" if len(data) < size else f"more than {size}"
        raise RequestError(
            f"NPY holds {came} bytes of data; its header ({times(shape)} {dtype}) needs {size}; "
            "the file was cut or changed, send it whole"
        )
    return data
