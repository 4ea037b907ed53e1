"""The pages of a TIFF as its bytes tell them, before anything is decoded.

A file may come from anywhere: pages that lead back to one another, tags that claim more than there
is, and stacks that nothing could hold are refused here, before a library reads them.
https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from ...errors import PayloadTooLarge, RequestError

MAX_PAGES = 10_000
MAX_TAGS = 4096  # of one page
MAX_BITS = 64  # of a sample
MAX_TEXT = 16 << 20  # bytes of a description
MAX_DESCRIPTIONS = 8  # of one page
SHARED = 16  # how often tags may claim the bytes of the file; pages of honest ones share a few
SLACK = 1 << 20
REDUCED, MASK = 1, 4  # bits of NewSubfileType

# bytes and NumPy's names of the types of values; rationals are two numbers
TYPES = {
    1: "u1", 2: "u1", 3: "u2", 4: "u4", 5: "2u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4",
    10: "2i4", 11: "f4", 12: "f8", 13: "u4", 16: "u8", 17: "i8", 18: "u8",
}  # fmt: skip
SIZES = {number: np.dtype(name).itemsize for number, name in TYPES.items()}

# tags by their names in TIFF 6.0, with what they are where they are missing
WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
DESCRIPTION, SAMPLES, MAX_SAMPLE_VALUE, PLANAR = 270, 277, 281, 284
SUBFILE, OLD_SUBFILE, COLOR_MAP = 254, 255, 320
EXTRA_SAMPLES, SAMPLE_FORMAT, DEPTH = 338, 339, 32997
STRIP_OFFSETS, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS = 273, 279, 324, 325
SEGMENTS = ((TILE_OFFSETS, TILE_COUNTS), (STRIP_OFFSETS, STRIP_COUNTS), (513, 514))
FILL_ORDER, ROWS_PER_STRIP, PREDICTOR, TILE_WIDTH, TILE_LENGTH = 266, 278, 317, 322, 323
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, SUB_PAGES, JPEG_TABLES = 282, 283, 296, 330, 347
SOFTWARE, STK_PLANES, LSM_INFO, NO_DATA = 305, 33629, 34412, 42113

# what pages of one stack have in common, and what those have that are decoded alike
FORM = {
    LENGTH: 0,
    WIDTH: 0,
    DEPTH: 1,
    SAMPLES: 1,
    BITS: 1,
    SAMPLE_FORMAT: 1,
    PLANAR: 1,
    PHOTOMETRIC: 1,
}
CODING = {
    COMPRESSION: 1, FILL_ORDER: 1, ROWS_PER_STRIP: 0, PREDICTOR: 1, TILE_WIDTH: 0, TILE_LENGTH: 0,
}  # fmt: skip


class Entry(NamedTuple):
    """One tag: the type and number of its values, and where they lie in the file."""

    type: int
    number: int
    at: int


@dataclass(frozen=True, eq=False)
class Page:
    """One page, an IFD.

    Attributes:
        file: it lies in.
        number: among the pages of the file, from 0.
        offset: in the file.
        entries: its tags.
        descriptions: the entries of its texts: there may be several.
    """

    file: "TiffBytes"
    number: int
    offset: int
    entries: dict[int, Entry]
    descriptions: list[Entry] = field(default_factory=list)

    def numbers(self, code: int) -> np.ndarray:
        """The values of a tag, of any number type; (0,) where it is missing."""
        entry = self.entries.get(code)
        return self.file.numbers(entry) if entry else np.zeros(0, np.int64)

    def number_of(self, code: int, missing: int) -> int:
        """The first value of a tag."""
        values = self.numbers(code)
        return int(values.flat[0]) if values.size else missing

    def of(self, tags: dict[int, int]) -> tuple[tuple[int, ...], ...]:
        """The values of some tags; of many equal ones, one."""
        return tuple(self._short(code, missing) for code, missing in tags.items())

    def _short(self, code: int, missing: int) -> tuple[int, ...]:
        values = self.numbers(code)[:64].ravel().tolist() or [missing]
        return tuple(values) if len(set(values)) > 1 else (int(values[0]),)

    @cached_property
    def form(self) -> tuple[tuple[int, ...], ...]:
        """What pages of one stack have in common."""
        return self.of(FORM)

    @cached_property
    def coding(self) -> tuple[tuple[int, ...], ...]:
        """What those have in common, beside their form, that are decoded alike."""
        return self.of(CODING)

    @property
    def size(self) -> tuple[int, int]:
        """The height and the width."""
        return self.form[0][0], self.form[1][0]

    @property
    def samples(self) -> int:
        return self.form[3][0]

    @cached_property
    def kind(self) -> int:
        """NewSubfileType, or the older SubfileType in its words."""
        old = {2: REDUCED}.get(self.number_of(OLD_SUBFILE, 0), 0)
        return self.number_of(SUBFILE, 0) or old

    @cached_property
    def segments(self) -> tuple[np.ndarray, np.ndarray]:
        """Where its strips or tiles begin, and how many bytes they have, as int64."""
        for offsets, sizes in SEGMENTS:
            if offsets in self.entries:
                return self.numbers(offsets).astype(np.int64), self.numbers(sizes).astype(np.int64)
        return np.zeros(0, np.int64), np.zeros(0, np.int64)

    @property
    def room(self) -> int:
        """How many images of its size lie between the begin of its pixels and the end of the file,
        where they are stored as they are; 1 where they are not.
        """
        offsets, _ = self.segments
        height, width = self.size
        size = height * width * self.samples * max(self.form[4]) // 8
        if self.coding[0] != (1,) or not offsets.size or not size:
            return 1
        return max(1, (len(self.file.body) - int(offsets[0])) // size)

    @cached_property
    def texts(self) -> list[str]:
        """Its descriptions, as far as they are no longer than a text may be."""
        return [self._text(entry) for entry in self.descriptions if entry.number <= MAX_TEXT]

    def text_of(self, code: int) -> str:
        """The text of a tag, as far as it is no longer than a text may be."""
        entry = self.entries.get(code)
        return self._text(entry) if entry and entry.number <= MAX_TEXT else ""

    def _text(self, entry: Entry) -> str:
        return _decoded(bytes(self.file.raw(entry)).rstrip(b"\0"))


class TiffBytes:
    """The bytes of a TIFF, and how numbers lie in them.

    Args:
        body: of any TIFF, also BigTIFF.

    Raises:
        RequestError: the header is none.
    """

    def __init__(self, body: bytes | bytearray):
        self.body = memoryview(body)
        self._claimed = 0  # bytes, by the tags of all pages so far
        self.order: Literal["<", ">"] = "<" if body[:2] == b"II" else ">"
        version = body[2:4] if self.order == "<" else body[3:1:-1]
        self.big = version in (b"+\0", b"\0+")
        if len(body) < (16 if self.big else 8):
            raise cut(f"it has {len(body)} bytes, less than the header of a TIFF")

    def numbers(self, entry: Entry) -> np.ndarray:
        """The values of a tag, those of rationals as (count, 2)."""
        dtype = np.dtype(TYPES[entry.type]).newbyteorder(self.order)
        return np.frombuffer(self.body, dtype, entry.number, entry.at)

    def raw(self, entry: Entry) -> memoryview:
        return self.body[entry.at : entry.at + entry.number * SIZES[entry.type]]

    def pages(self) -> list[Page]:
        """All pages of the file, but not those below other ones.

        Raises:
            PayloadTooLarge: there are more than MAX_PAGES.
            RequestError: there are none, they lead back to one another, lie beyond the end of the
                file, or claim more than it holds.
        """
        found: list[Page] = []
        seen: set[int] = set()
        self._claimed = 0
        for page in self._chain():
            if page.offset in seen:
                raise RequestError(
                    f"TIFF leads from page {len(found)} back to an earlier one, without end; "
                    "save it again in the program that made it"
                )
            seen.add(page.offset)
            found.append(page)
            if len(found) > MAX_PAGES:
                raise PayloadTooLarge(
                    f"TIFF has more than {MAX_PAGES:,} pages, which is the most of one request; "
                    "cut it into parts"
                )
            if self._claimed > SHARED * len(self.body) + SLACK:
                raise RequestError(
                    f"tags of this TIFF claim more bytes than the {len(self.body):,} that it has; "
                    "save it again in the program that made it"
                )
        if not found:
            raise RequestError("TIFF has no page; send one with an image")
        return found

    def _chain(self) -> Iterator[Page]:
        step = "Q" if self.big else "I"
        [offset] = struct.unpack_from(self.order + step, self.body, 8 if self.big else 4)
        number = 0
        while offset:
            page, offset = self.page(offset, number)
            yield page
            number += 1

    def page(self, offset: int, number: int) -> tuple[Page, int]:
        """The page at an offset, and where the next one lies; 0: nowhere.

        Raises:
            RequestError: it lies beyond the end of the file, or is none.
        """
        counts, line, last = ("Q", 20, "Q") if self.big else ("H", 12, "I")
        start = offset + struct.calcsize(counts)
        if start > len(self.body):
            raise cut(f"page {number + 1} begins at byte {offset:,} of {len(self.body):,}")
        [tags] = struct.unpack_from(self.order + counts, self.body, offset)
        if not 0 < tags <= MAX_TAGS:
            raise RequestError(
                f"page {number + 1} of the TIFF claims {tags:,} tags; there are 1 to {MAX_TAGS:,}; "
                "the file is damaged, send it whole, as raw bytes"
            )
        end = start + tags * line
        if end + struct.calcsize(last) > len(self.body):
            raise cut(f"page {number + 1} ends at byte {end:,} of {len(self.body):,}")
        page = Page(self, number, offset, {})
        for at in range(start, end, line):
            self._add(page, at)
        self._mend(page)
        return page, struct.unpack_from(self.order + last, self.body, end)[0]

    def _add(self, page: Page, at: int) -> None:
        """Read one tag; those of unknown types, or beyond the file, are as good as missing."""
        layout, room = ("HHQ", 8) if self.big else ("HHI", 4)
        code, type_, count = struct.unpack_from(self.order + layout, self.body, at)
        size = count * SIZES.get(type_, 0)
        where = at + (12 if self.big else 8)
        if size > room:
            [where] = struct.unpack_from(self.order + ("Q" if self.big else "I"), self.body, where)
        if not size or where + size > len(self.body):
            return
        self._claimed += size  # also of tags whose code came before
        entry = Entry(type_, count, where)
        page.entries.setdefault(code, entry)
        if code == DESCRIPTION and len(page.descriptions) < MAX_DESCRIPTIONS:
            page.descriptions.append(entry)

    def _mend(self, page: Page) -> None:
        """Read two bit depths of a LSM from where older programs put them, though they had room."""
        bits = page.entries.get(BITS)
        if LSM_INFO in page.entries and bits and bits.number == 2 and page.form[4][0] > MAX_BITS:
            where = int(np.frombuffer(self.body, f"{self.order}u4", 1, bits.at)[0])
            if where + 4 <= len(self.body):
                page.entries[BITS] = bits._replace(at=where)
            del page.__dict__["form"]


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")  # a micro sign, as older programs write it


def cut(came: str) -> RequestError:
    """What is said of a file that ends too early."""
    return RequestError(
        f"TIFF ends too early: {came}; it was cut or changed on its way; send it whole, as raw "
        "bytes"
    )
