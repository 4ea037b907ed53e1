"""From the strips and tiles of a TIFF to pixels, through tifffile and imagecodecs.

All is decoded into one array. A strip is never given more room than it says it has: what inflates
beyond that is refused by the decoder, before it is there.
"""

import math
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
from PIL import Image
from tifffile.tifffile import jpeg_shape

from ... import machine
from ...errors import RequestError
from ..pictures.png import freed_if_it_fails
from .decoders import TOGETHER, Decoder, Decoders, unpack_lzw
from .file import (
    FILL_ORDER,
    JPEG_TABLES,
    LSM_INFO,
    Page,
    cut,
)
from .values import JPEG, JPEG_2000, is_ycc

LERC = 34887
# whole pictures of other formats, which say their size themselves
PICTURES = {
    LERC: "lerc_decode",
    **dict.fromkeys(JPEG_2000, "jpeg2k_decode"),
    34933: "png_decode",
    50001: "webp_decode",
    50002: "jpegxl_decode",
    52546: "jpegxl_decode",
}
WEBP = 50001
REVERSED = 2  # of FillOrder
SIZE_MARKER = b"\xff\x4f\xff\x51"
MANY = 20_000  # strips and tiles, which may be as small as they like: they take about a second
LEAST_BYTES = 256  # of pixels in each where there are more, in the mean
MOST = 1_000_000  # whatever is in them
THREADS = 8  # more do not help


class Segment(NamedTuple):
    """One strip or tile of a page: its number there, and where its bytes lie."""

    page: int
    number: int
    offset: int
    size: int


def decode(
    decoders: Decoders, pages: list[Page], copies: int, out: np.ndarray, places: list[int]
) -> None:
    """Decode planes into an array.

    Args:
        pages: of one form.
        copies: how many planes the data of each page holds, one behind another.
        out: (P, ...) with the shape of a page.
        places: where in ``out`` each plane goes.

    Raises:
        RequestError: the file ends too early, or what is in it is no picture of that size.
    """
    segments: list[Segment] = []
    for number, page in enumerate(pages):
        decoder = decoders.of(page)
        offset = _one_piece(page, decoder, copies)
        if offset is None:
            _check_number(len(segments) + len(page.segments[0]), out.nbytes)
            segments += _segments(page, decoder, number)
            continue
        for copy in range(copies):
            place = out[places[number * copies + copy]]
            _copy(page, decoder, offset + copy * decoder.page.nbytes, place)
    step = max(1, TOGETHER * len(segments) // max(1, out.nbytes))
    jobs = [segments[start : start + step] for start in range(0, len(segments), step)]

    def work(job: list[Segment]) -> None:
        for segment in job:
            page = pages[segment.page]
            place = out[places[segment.page]]
            try:
                _decode(page, decoders.of(page), segment, place)
            except RuntimeError:  # as imagecodecs calls what does not fit, too
                if not _may_be_longer(page, decoders.of(page), segment):
                    raise
                _decode(page, decoders.of(page, whole_strips=True), segment, place)

    threads = min(THREADS, machine.available_cpus(), len(jobs))
    if threads < 2:
        for job in jobs:
            work(job)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, jobs):
            pass


def _one_piece(page: Page, decoder: Decoder, copies: int) -> int | None:
    """Where the pixels of a page lie in one piece, as they are; None: nowhere."""
    offsets, sizes = page.segments
    if not decoder.whole or not offsets.size:
        if copies > 1:
            raise RequestError(
                f"TIFF says that one page holds {copies} images, which are compressed or in tiles; "
                "save it as a stack of pages"
            )
        return None
    if copies > 1 or offsets.size == 1:
        return int(offsets[0])
    if sizes.size != offsets.size:
        return None
    follows = offsets[:-1] + sizes[:-1] == offsets[1:]
    return int(offsets[0]) if follows.all() and sizes.sum() == decoder.page.nbytes else None


def _copy(page: Page, decoder: Decoder, offset: int, out: np.ndarray) -> None:
    """Take pixels that lie in the file as they are."""
    dtype = decoder.dtype.newbyteorder(page.file.order)
    end = offset + out.size * dtype.itemsize
    if end > len(page.file.body):
        raise cut(
            f"the pixels of page {page.number + 1} end at byte {end:,} of {len(page.file.body):,}"
        )
    np.copyto(out, np.frombuffer(page.file.body, dtype, out.size, offset).reshape(out.shape))


def _check_number(count: int, size: int) -> None:
    """Refuse strips and tiles that cost more than what is in them.

    Args:
        count: of them, so far.
        size: bytes of all pixels.

    Raises:
        RequestError: they are too many.
    """
    most = min(MOST, max(MANY, size // LEAST_BYTES))
    if count > most:
        raise RequestError(
            f"TIFF has {count:,} strips or tiles, or more, for {size:,} bytes of pixels; at most "
            f"{most:,} are taken for so many bytes; save it with larger ones"
        )


def _segments(page: Page, decoder: Decoder, number: int) -> list[Segment]:
    """The strips or tiles of a page, all of which must be in the file."""
    tiled = decoder.page.is_tiled
    offsets, sizes = page.segments
    if not sizes.size and offsets.size == 1:  # found in old files: it ends where the file does
        sizes = np.array([len(page.file.body) - int(offsets[0])])
    needed = int(np.prod(decoder.page.chunked, dtype=np.int64))
    what = "tiles" if tiled else "strips"
    if min(offsets.size, sizes.size) < needed:
        raise RequestError(
            f"page {page.number + 1} of the TIFF has {min(offsets.size, sizes.size)} {what} of the "
            f"{needed} that make its {page.size[0]}×{page.size[1]} pixels; the file is damaged or "
            "was changed on its way; send it whole, as raw bytes"
        )
    offsets, sizes = offsets[:needed], sizes[:needed]
    ends = offsets + sizes
    if LSM_INFO not in page.entries and needed and ends.max() > len(page.file.body):
        raise cut(
            f"the {what} of page {page.number + 1} end at byte {ends.max():,} of "
            f"{len(page.file.body):,}"
        )
    return [
        Segment(number, index, offset, size)
        for index, (offset, size) in enumerate(zip(offsets.tolist(), sizes.tolist(), strict=True))
    ]


def _decode(page: Page, decoder: Decoder, segment: Segment, out: np.ndarray) -> None:
    """Decode one strip or tile into its place; ``out`` has the shape of a page."""
    seen = decoder.page
    data = page.file.body[segment.offset : segment.offset + segment.size]
    missing = not segment.offset and not segment.size  # never written, which some programs do
    options = {}
    if seen.compression in JPEG:
        tables = page.entries.get(JPEG_TABLES)
        options = {"jpegtables": bytes(page.file.raw(tables)) if tables else None}
    if seen.compression in JPEG and not missing:
        _check_jpeg(data, seen)
    if seen.compression in JPEG_2000 and not missing:
        _check_jpeg_2000(data, seen)
    if seen.compression in PICTURES and not missing:
        pixels, (plane, depth, top, left, _), shape = _picture(data, seen, segment.number)
        if seen.compression == LERC and page.file.order == ">":
            pixels.byteswap(inplace=True)  # libtiff compresses the bytes in the order of the file
        if is_ycc(page):
            pixels = _rgb(pixels)
    else:
        given = None if missing else bytes(data) if seen.compression in (1, *JPEG) else data
        if decoder.lzw and not missing:
            given = _unpacked(page, decoder, data, segment.number)
        pixels, (plane, depth, top, left, _), shape = seen.decode(given, segment.number, **options)
    place = out[plane, depth : depth + shape[0], top : top + shape[1], left : left + shape[2]]
    if pixels is None:
        place[...] = seen.nodata
        return
    place[...] = pixels[: place.shape[0], : place.shape[1], : place.shape[2]]
    if decoder.mask is not None:
        place &= decoder.mask


def _unpacked(page: Page, decoder: Decoder, data: memoryview, number: int) -> bytes:
    """The bytes of a strip or tile that is compressed with LZW."""
    _, _, shape = decoder.page.decode(None, number, _fullsize=decoder.page.is_tiled)
    depth, height, width, samples = shape
    bits = page.form[4]
    row = width * (sum(bits) if len(bits) > 1 else bits[0] * samples)
    reversed_bits = page.number_of(FILL_ORDER, 1) == REVERSED
    return unpack_lzw(data, depth * height * ((row + 7) // 8), reversed_bits)


def _may_be_longer(page: Page, decoder: Decoder, segment: Segment) -> bool:
    """Whether this is a last strip, of fewer rows: some programs fill it up to compress it."""
    strip, rows = decoder.page.rowsperstrip, page.size[0]
    strips = math.ceil(rows / strip) if strip else 0
    return bool(strips and rows % strip and segment.number % strips == strips - 1)


def _check_jpeg(data: memoryview, seen: Any) -> None:
    """Refuse a JPEG that says it is larger than its strip or tile."""
    _, height, width, samples = jpeg_shape(bytes(data))
    _check_room("JPEG", height * width * samples, seen)


def _check_jpeg_2000(data: memoryview, seen: Any) -> None:
    """Refuse a JPEG 2000 that says so: its decoder compares sizes only when it has decoded.

    The size stands behind a marker; whatever looks like that counts.
    """
    raw = bytes(data)
    at = raw.find(SIZE_MARKER)
    while at >= 0:
        header = raw[at + 8 : at + 42]
        if len(header) == 34:
            right, bottom, left, top, *_, samples = struct.unpack(">8IH", header)
            _check_room("JPEG 2000", (right - left) * (bottom - top) * samples, seen)
        at = raw.find(SIZE_MARKER, at + 1)


def _check_room(what: str, values: int, seen: Any) -> None:
    room = int(np.prod(seen.chunks, dtype=np.int64))
    # the last strip may be padded to whole blocks
    if values > 2 * room + (1 << 16):
        raise RequestError(
            f"a part of the TIFF is a {what} of {values:,} samples, and has room for {room:,}; "
            "save it again in the program that made it"
        )


def _picture(data: memoryview, seen: Any, number: int) -> tuple[np.ndarray, tuple, tuple]:
    """A strip or tile that is a whole picture of another format, decoded into the room it has."""
    _, place, shape = seen.decode(None, number)
    _, depth, height, width, samples = seen.shaped
    rest = (
        min(shape[0], depth - place[1]),
        min(shape[1], height - place[2]),
        min(shape[2], width - place[3]),
    )
    decoder: Callable[..., np.ndarray] = getattr(imagecodecs, PICTURES[seen.compression])
    options = {"hasalpha": True} if seen.compression == WEBP and samples == 4 else {}
    failed: Exception | None = None
    for size in dict.fromkeys((shape[:3], rest, (rest[0], rest[1], shape[2]))):
        room = np.empty((*size, samples), seen.dtype)
        view = room.reshape(size[1:] if samples == 1 else (*size[1:], samples))
        try:
            with freed_if_it_fails(room):
                decoder(data, out=view, **options)
        except ValueError as exc:
            failed = failed or exc
        else:
            return room, place, (*size, samples)
    assert failed
    raise failed


def _rgb(pixels: np.ndarray) -> np.ndarray:
    """uint8 (1, h, w, 3) of brightness and colour -> of red, green and blue."""
    _, height, width, _ = pixels.shape
    image = Image.frombytes("YCbCr", (width, height), pixels.tobytes())
    return np.asarray(image.convert("RGB"))[None]
