"""CSV: numbers from 0 to 255 in requests; the values of the answer.

https://www.rfc-editor.org/rfc/rfc4180
"""

import io
from collections.abc import Iterator
from itertools import chain, islice

import numpy as np

from ..answers import Content, Prediction
from ..errors import RequestError
from ..images import Images
from . import media_types, table
from .format import Format
from .text import compact, dumps, no_utf8
from .weighing import weigh

MAX_ROWS = 1_000_000
MAX_LINE = 16 << 20  # characters of a row
SMALL = 1 << 20  # bytes of a text that need no weighing
FLOATS = 16  # as bytes of a value: what numpy needs to read them as text
WITHOUT = "to_csv(header=False, index=False)"


class Csv(Format):
    """One image, a row a line."""

    name = "CSV"
    media_type = media_types.CSV
    suffixes = (".csv",)
    contents = frozenset({Content.ARRAY, Content.TABLE})
    usual_for = Content.TABLE
    many_planes = False
    place = 7

    def decode(self, body: bytes | str, max_pixels: int) -> Images:
        data = body.encode() if isinstance(body, str) else body
        _weigh(data, max_pixels)
        try:
            lines = _lines(data)
            first = [*islice(lines, 1)]
            if not first:
                raise RequestError(
                    "body has no row; CSV holds one image, a row a line; send at least one"
                )
            _check_commas(first[0])
            rows = chain(first, lines)
            image = np.loadtxt(rows, np.float64, delimiter=",", comments=None, ndmin=2)
        except UnicodeDecodeError as exc:
            raise no_utf8(exc) from exc
        except ValueError as exc:
            raise RequestError(
                f"CSV cannot be read: {exc}; every line is a row of the image, numbers 0–255 "
                "between commas, all rows of one length, no header; mend that row"
            ) from exc
        images = Images(compact(image), None, "HW", self.media_type, text=True)
        return images.noting(_counted(image))

    def encode(self, prediction: Prediction) -> bytes:
        if prediction.answer.content is Content.TABLE:
            return table.csv_of(prediction)
        [image] = prediction.per_image
        return b"".join(dumps(row)[1:-1] + b"\n" for row in image)  # [1,2] -> 1,2


def _weigh(data: bytes, max_pixels: int) -> None:
    """Refuse what would be too large, by its lines and its commas, whatever ends a line."""
    if len(data) > SMALL:
        rows = max(data.count(b"\n"), data.count(b"\r"))
        rows += not data.endswith((b"\n", b"\r"))
        if rows > MAX_ROWS:
            raise RequestError(
                f"CSV has {rows:,} lines; up to {MAX_ROWS:,} are read; a line is one row of the "
                "image; send such images as application/x-npy"
            )
        weigh((rows, data.count(b",") // rows + 1), max_pixels, FLOATS)


def _check_commas(line: str) -> None:
    """Refuse what other programs put between numbers.

    Raises:
        RequestError: it is no comma.
    """
    parted = {";": "semicolons", "\t": "tabs", " ": "blanks"}
    numbers = set(line.strip())
    for separator, name in parted.items():
        of_numbers = separator in numbers and numbers <= {*"0123456789+-.,eE; \t"}
        if of_numbers and (separator == ";" or "," not in numbers):
            raise RequestError(
                f"CSV has {name} between its numbers; numbers 0-255 between commas are read, "
                "with a point before their decimals; write it so, as numpy.savetxt does with "
                'delimiter=","'
            )


def _counted(image: np.ndarray) -> str:
    """A sentence where the first row or column only counts, and the others do not; "" elsewhere.

    Raises:
        RequestError: the other numbers are 0-1, so that it is none of the image.
    """
    for name, lines in (("row", image), ("column", image.T)):
        numbers, others = lines[0], lines[1:]
        counts = len(numbers) > 2 and (numbers == np.arange(len(numbers))).all()
        if not counts or (others == numbers).all():  # all lines alike are a ramp
            continue
        came = f"the first {name} of the CSV counts from 0 to {len(numbers) - 1}"
        if others.min() >= 0 and others.max() <= 1:
            raise RequestError(
                f"{came}, and all other numbers are 0-1; a CSV holds pixels alone; leave out the "
                f"names and numbers of rows and columns, as pandas does with {WITHOUT}"
            )
        return (
            f"{came}, and was read as pixels: leave it out if it is none, with {WITHOUT} of pandas"
        )
    return ""


def _lines(data: bytes) -> Iterator[str]:
    """The lines of a CSV that are not blank.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
        RequestError: a line has too many bytes.
    """
    text = io.TextIOWrapper(io.BytesIO(data), "utf-8-sig")
    while line := text.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise RequestError(
                f"CSV has a line of more than {MAX_LINE:,} characters; a line is one row of the "
                "image; send wide images as application/x-npy"
            )
        if line.strip():
            yield line
