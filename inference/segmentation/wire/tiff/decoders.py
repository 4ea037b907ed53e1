"""What tifffile makes of the tags of a page: a function that decodes its strips or tiles."""

import contextlib
import io
import logging
import math
import struct
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
import tifffile

from ...channels import times
from ...errors import RequestError
from .file import (
    BITS,
    CODING,
    COMPRESSION,
    EXTRA_SAMPLES,
    FILL_ORDER,
    FORM,
    LENGTH,
    PHOTOMETRIC,
    PREDICTOR,
    ROWS_PER_STRIP,
    SAMPLE_FORMAT,
    SAMPLES,
    STRIP_COUNTS,
    STRIP_OFFSETS,
    TILE_COUNTS,
    TILE_OFFSETS,
    WIDTH,
    Page,
)

TOGETHER = 1 << 20  # bytes of pixels that a thread decodes at a time
LZW, LONG = 5, 4  # a compression, and a type of values
# JPEG XR, whose decoder (jxrlib, as of imagecodecs) ends the process on some damaged data
UNSAFE = (22610, 34934)
HORIZONTAL = 2  # a predictor: samples are stored as differences
# how many bytes one of LZW becomes at most: all of a table of strings, each longer by one
LZW_MOST, LZW_ROOM = 2000, 1 << 16
LARGER = 4  # how much larger than its image a tile may be
# tags that tell how pixels are coded, beside those of a page's form and coding
CODED = {*FORM, *CODING, 292, 293, EXTRA_SAMPLES, 530, 32998, 42113}
SINGLE = {*FORM, *CODING} - {BITS, SAMPLE_FORMAT}  # which have one value
MOST_VALUES = 1024  # of one of these
MOST = 1 << 32  # what the value of one is below
HEAD, LINE, LONG8 = 16, 20, 16  # bytes of BigTIFF's header, and of a tag; a type
BEGIN = 16  # bytes of the first strip: those of a JPEG tell how its colours are coded

# what tifffile logs of a file becomes the message of an error, where it matters
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Decoder:
    """Decodes pages that are coded alike.

    Attributes:
        page: one of them, as tifffile sees it.
        whole: whether its pixels lie in the file as they are, in one piece.
        lzw: whether they are compressed with LZW, which this knows nothing of.
    """

    page: Any
    whole: bool
    lzw: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one page: planes of samples, depth, height, width, samples of a pixel."""
        return self.page.shaped

    @property
    def dtype(self) -> np.dtype:
        return self.page.dtype

    @property
    def mask(self) -> int | None:
        """The bits of packed samples that are stored as differences, whose sums have more of them;
        None of others.
        """
        bits = self.page.bitspersample
        packed = isinstance(bits, int) and bits < 8 * self.dtype.itemsize
        if not packed or self.dtype.kind != "u" or self.page.predictor != HORIZONTAL:
            return None
        return (1 << bits) - 1


class Decoders:
    """Makes decoders of pages, one for all that are coded alike."""

    def __init__(self) -> None:
        self._made: dict[Any, Decoder] = {}

    def of(self, page: Page, whole_strips: bool = False) -> Decoder:
        """What decodes a page; of LZW, what it makes of bytes that are unpacked.

        Args:
            whole_strips: whether its last strip is as long as the others, beyond the image.

        Raises:
            RequestError: its tiles are far larger than it.
        """
        key = (page.form, page.coding, whole_strips)
        if key not in self._made:
            self._made[key] = _decoder(page, whole_strips)
        return self._made[key]


def unpack_lzw(data: memoryview, size: int, reversed_bits: bool) -> bytes:
    """So many bytes of a strip or tile that is compressed with LZW, through libtiff.

    imagecodecs' own decoder takes a code that stands for nothing yet, behind one that clears its
    table, for what was there before: it reads memory of others, or ends the process.

    Raises:
        RequestError: they cannot be as many.
        RuntimeError: they are not, or are damaged.
    """
    if size > LZW_MOST * len(data) + LZW_ROOM:  # else it is made before it is missed
        raise RequestError(
            f"a part of the TIFF has {len(data):,} bytes of LZW, which cannot be the {size:,} that "
            "it should be; the file is damaged or was cut; send it whole, as raw bytes"
        )
    packed = imagecodecs.bitorder_decode(bytes(data)) if reversed_bits else bytes(data)
    tags = {LENGTH: 1, WIDTH: size, BITS: 8, COMPRESSION: LZW, PHOTOMETRIC: 1, SAMPLES: 1}
    tags |= {ROWS_PER_STRIP: 1, STRIP_COUNTS: len(packed), STRIP_OFFSETS: HEAD}
    lines = [struct.pack("<HHII", code, LONG, 1, value) for code, value in sorted(tags.items())]
    at = HEAD + len(packed) + len(packed) % 2
    head = struct.pack("<2sHI", b"II", 42, at).ljust(HEAD, b"\0")
    body = head + packed.ljust(at - HEAD, b"\0")
    ends = struct.pack("<I", 0)
    unpacked = imagecodecs.tiff_decode(
        body + struct.pack("<H", len(lines)) + b"".join(lines) + ends
    )
    return unpacked.tobytes()


def _decoder(page: Page, whole_strips: bool) -> Decoder:
    rows, kinds = page.size[0], page.form[5]
    if len(kinds) > 1:
        raise RequestError(
            f"TIFF has samples of several kinds in one pixel (SampleFormat {kinds}); those of one "
            "kind are read; save each channel as a page of its own"
        )
    if whole_strips:
        strip = page.number_of(ROWS_PER_STRIP, rows)
        rows = math.ceil(rows / strip) * strip
    with tifffile.TiffFile(io.BytesIO(_essence(page, rows))) as file:
        seen = file.pages.first
        _check_compression(seen)
        seen.init_decode()
    room, pixels = math.prod(seen.chunks), math.prod(seen.shaped)
    if seen.is_tiled and room > LARGER * max(pixels, TOGETHER):
        raise RequestError(
            f"TIFF has tiles of {times(seen.chunks)} for {times(seen.shape)} pixels; save it again "
            "in the program that made it"
        )
    lzw = page.number_of(COMPRESSION, 1) == LZW
    return Decoder(seen, bool(seen.is_final and not seen.is_tiled and not lzw), lzw)


def _check_compression(seen: Any) -> None:
    """Refuse what is compressed in a way that nothing undoes, or nothing safe.

    Args:
        seen: a page, as tifffile sees it.

    Raises:
        RequestError: it is.
    """
    with contextlib.suppress(KeyError, ValueError):  # which tell that there is no decoder
        tifffile.TIFF.DECOMPRESSORS[seen.compression]
        if seen.compression not in UNSAFE:
            return
    name = getattr(seen.compression, "name", "unknown")
    raise RequestError(
        f"TIFF is compressed in a way that is not read, {int(seen.compression)} ({name}); save it "
        "without compression, or with LZW or deflate"
    )


def _essence(page: Page, rows: int) -> bytes:
    """A file of one page, of so many rows, with nothing but what tells how its pixels are coded.

    tifffile sees this instead of the whole file: of a file from anywhere it would read more.
    """
    order = page.file.order
    first, _ = page.segments
    offset = int(first[0]) if first.size else 0
    begin = bytes(page.file.body[offset : offset + BEGIN])
    tags = {
        code: (entry.type, entry.number, bytes(page.file.raw(entry)))
        for code, entry in sorted(page.entries.items())
        if code in CODED and entry.number <= MOST_VALUES
    }
    if page.number_of(COMPRESSION, 1) == 1:
        tags.pop(PREDICTOR, None)  # which some files claim, and do not have
    if page.number_of(COMPRESSION, 1) == LZW:  # which is undone before
        tags.pop(COMPRESSION)
        tags.pop(FILL_ORDER, None)
    for code in SINGLE & tags.keys():
        tags[code] = (LONG8, 1, struct.pack(f"{order}Q", _only(page, code)))
    tags[LENGTH] = (LONG8, 1, struct.pack(f"{order}Q", rows))
    tiled = TILE_OFFSETS in page.entries
    start = HEAD + 8 + LINE * (len(tags) + 2) + 8
    tags[TILE_OFFSETS if tiled else STRIP_OFFSETS] = (LONG8, 1, struct.pack(f"{order}Q", start))
    tags[TILE_COUNTS if tiled else STRIP_COUNTS] = (LONG8, 1, struct.pack(f"{order}Q", BEGIN))
    lines, behind = [], begin.ljust(BEGIN, b"\0")
    for code, (type_, number, value) in sorted(tags.items()):
        if len(value) > 8:
            place = struct.pack(f"{order}Q", start + len(behind))
            behind += value
        else:
            place = value.ljust(8, b"\0")
        lines.append(struct.pack(f"{order}HHQ", code, type_, number) + place)
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HHHQ", 43, 8, 0, HEAD)
    ends = struct.pack(f"{order}Q", 0)
    return head + struct.pack(f"{order}Q", len(lines)) + b"".join(lines) + ends + behind


def _only(page: Page, code: int) -> int:
    """The value of a tag that has one.

    Raises:
        RequestError: it has others.
    """
    values = page.numbers(code)
    if values.shape != (1,) or not 0 <= values[0] < MOST:
        raise RequestError(
            f"tag {code} of page {page.number + 1} of the TIFF has {len(values)} values, or none "
            "that it can have; the file is damaged, send it whole, as raw bytes"
        )
    return int(values[0])
