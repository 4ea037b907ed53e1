"""NPY and NPZ, NumPy's own formats. Nothing is unpickled: a pickle in a request is code.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import ast
import io
import math
import re
import struct
import warnings
import zipfile
from typing import Any, NamedTuple

import numpy as np

from ..answers import Content, Prediction
from ..channels import times
from ..errors import RequestError, SegmentationError
from ..images import Images, check_shape, stored
from . import media_types
from .format import Format
from .weighing import weigh

MEMBER_SUFFIX = ".npy"
IMAGES = "instances"  # the array of a request's NPZ that holds the images
SIGNATURE = b"\x93NUMPY"
MAX_HEADER = 1 << 16  # bytes
MAX_TEXT = 10_000  # of these; numpy itself reads no more
LENGTHS = {(1, 0): struct.Struct("<H"), (2, 0): struct.Struct("<I")}  # of the text, by the version
KEYS = {"descr", "fortran_order", "shape"}
LONG = re.compile(r"(?<=\d)L\b")  # behind the numbers of Python 2
MAX_LENGTH = 1 << 40  # of an axis: more is no memory in the world
MAX_ITEMSIZE = 8
ZIP = b"PK\x03\x04"
ENTRY = b"PK\x01\x02"  # of the directory of a ZIP archive
MAX_ENTRIES = 1000
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those of numpy
MOST_DEFLATED = 1040  # bytes that one byte of deflate can stand for, and a few more
PART = 1 << 20  # bytes that are read at once


class Npy(Format):
    """One array, of the axes that ``images.Images`` may have."""

    name = "NPY"
    media_type = media_types.NPY
    suffixes = (".npy",)
    signatures = (SIGNATURE,)
    contents = frozenset({Content.ARRAY, Content.IMAGE})
    place = 3

    def decode(self, body: bytes, max_pixels: int) -> Images:
        file = io.BytesIO(bytes(memoryview(body)[:MAX_HEADER]))
        header = _read_header(file, max_pixels)
        begin, size = file.tell(), len(body) - file.tell()
        if size != header.size:
            raise _wrong_size(header, size if size < header.size else None)
        data = np.frombuffer(body, header.dtype, offset=begin)
        return stored(header.shaped(data), self.media_type)

    def encode(self, prediction: Prediction) -> bytes:
        file = io.BytesIO()
        np.save(file, np.asarray(prediction), allow_pickle=False)
        return file.getvalue()


class Npz(Format):
    """A ZIP archive of arrays: ``instances`` of requests, ``predictions`` of answers."""

    name = "NPZ"
    media_type = media_types.NPZ
    suffixes = (".npz",)
    signatures = (ZIP,)
    contents = frozenset({Content.ARRAY, Content.IMAGE})
    place = 4

    def decode(self, body: bytes, max_pixels: int) -> Images:
        entries = body.count(ENTRY)
        if entries > MAX_ENTRIES:
            raise RequestError(
                f"NPZ holds {entries:,} arrays; up to {MAX_ENTRIES:,} are looked through for the "
                "images; write these alone with numpy.savez"
            )
        try:
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                member = archive.getinfo(_member(archive.namelist()))
                _check_array(archive, member)
                if member.compress_type not in METHODS:
                    raise RequestError(
                        "NPZ is compressed by another method than numpy's; write it with "
                        "numpy.savez or savez_compressed"
                    )
                with archive.open(member) as file:
                    return stored(_read_member(file, member, max_pixels), self.media_type)
        except (SegmentationError, MemoryError):
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


def _check_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuse a ZIP of something else, as programs pack a picture."""
    with archive.open(member) as file:
        begin = file.read(len(SIGNATURE))
    if begin != SIGNATURE:
        raise RequestError(
            f"body is a ZIP of {member.filename[:80]!r}, which begins with {begin!r} and is no "
            "NPY; NPZ is a ZIP of arrays; send a picture as it is, not packed"
        )


class Header(NamedTuple):
    """What stands before the data of an NPY."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype

    @property
    def size(self) -> int:
        """The bytes of the data."""
        return math.prod(self.shape) * self.dtype.itemsize

    def shaped(self, data: np.ndarray) -> np.ndarray:
        """Flat data -> the array, of the machine's byte order; where it can be, a view."""
        if self.dtype.kind == "b":
            data = data.view(np.uint8) != 0  # whatever stands there for true
        array = data.reshape(self.shape, order="F" if self.fortran else "C")
        return array.astype(self.dtype.newbyteorder("="), copy=False)


def _read_header(file: Any, max_pixels: int) -> Header:
    """The header of an array whose data is worth reading: of numbers, and not too many.

    Raises:
        RequestError: or one of its kinds; see ``Reader.decode``.
    """
    try:
        header = Header(*_parse_header(file))
    except zipfile.BadZipFile:
        raise
    except Exception as exc:  # it is read as Python: SyntaxError, ValueError, …
        reason = f"{exc}"[:200]
        raise RequestError(
            f"NPY header cannot be read: {reason}; write it with numpy.save"
        ) from exc
    _check_dtype(header.dtype)
    if not all(type(length) is int and 0 <= length <= MAX_LENGTH for length in header.shape):
        shape = f"{header.shape}"[:200]
        raise RequestError(
            f"NPY header says that the shape is {shape}, which no array has; write it with "
            "numpy.save"
        )
    check_shape(header.shape)
    weigh(header.shape, max_pixels, header.dtype.itemsize)
    return header


def _parse_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    """The shape, whether the first axis changes fastest, and the type.

    NumPy's own reader takes headers of Python 2 apart token by token, which takes a minute where
    one is damaged and full of blanks.

    Raises:
        Exception: of many kinds, of damaged headers.
    """
    version = np.lib.format.read_magic(file)
    if version not in LENGTHS:
        raise ValueError(f"version {version} of the format is not read here")
    [length] = LENGTHS[version].unpack(file.read(LENGTHS[version].size))
    if length > MAX_TEXT:
        raise ValueError(f"it has {length:,} bytes, and up to {MAX_TEXT:,} are read")
    text = LONG.sub("", file.read(length).decode("latin-1"))
    with warnings.catch_warnings(action="ignore"):  # about numbers that run into words
        told = ast.literal_eval(text)
    if not isinstance(told, dict) or {*told} != KEYS:
        raise ValueError(f"it is no dictionary of {', '.join(sorted(KEYS))}")
    shape, fortran = told["shape"], told["fortran_order"]
    if not isinstance(shape, tuple) or not isinstance(fortran, bool):
        raise ValueError("its shape is no tuple, or its order neither True nor False")
    return shape, fortran, np.lib.format.descr_to_dtype(told["descr"])


def _check_dtype(dtype: np.dtype) -> None:
    """Refuse what is no number, or none of a usual size.

    Raises:
        RequestError: so that nothing of its data is read.
    """
    if dtype.names and not dtype.hasobject:
        raise RequestError(
            f"NPY has the fields {', '.join(dtype.names)[:200]}; one number a value is read; "
            "convert it with numpy.lib.recfunctions.structured_to_unstructured"
        )
    if dtype.hasobject:
        raise RequestError(
            f"NPY holds {f'{dtype}'[:200]}, which numpy pickles; only plain numbers are read, "
            "never pickles; convert it with .astype(numpy.uint8) and "
            "numpy.save(…, allow_pickle=False)"
        )
    if dtype.kind not in "biuf" or dtype.itemsize > MAX_ITEMSIZE:
        raise RequestError(
            f"NPY has dtype {f'{dtype}'[:200]}; intensities are whole numbers, bool, or float of "
            "up to 64 bits; convert it with .astype()"
        )


def _read_member(file: Any, member: zipfile.ZipInfo, max_pixels: int) -> np.ndarray:
    """The array of a ZIP archive, read in parts into the memory that it then has."""
    header = _read_header(file, max_pixels)
    size = member.file_size - file.tell()
    deflated = MOST_DEFLATED * (member.compress_size + 64)
    if size != header.size or size > max(deflated, member.compress_size):
        raise _wrong_size(header, size if size < header.size else None)
    data = np.empty(math.prod(header.shape), header.dtype)
    target, filled = data.view(np.uint8), 0
    while filled < len(target):
        part = file.read(min(PART, len(target) - filled))
        if not part:
            raise _wrong_size(header, filled)
        target[filled : filled + len(part)] = np.frombuffer(part, np.uint8)
        filled += len(part)
    if file.read(1):
        raise _wrong_size(header, None)
    return header.shaped(data)


def _wrong_size(header: Header, came: int | None) -> RequestError:
    """The error of data that is cut after so many bytes; None: there are too many."""
    size = header.size
    return RequestError(
        f"NPY holds {f'more than {size}' if came is None else came} bytes of data; its header "
        f"({times(header.shape)} {header.dtype}) needs {size}; the file was cut or changed, send "
        "it whole"
    )
