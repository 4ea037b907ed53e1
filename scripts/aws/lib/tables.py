"""The tables that a service answers with, and the one that is made of them."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FILE = "file"  # the first column


def rows_of(answer: bytes) -> list[dict[str, Any]]:
    """The rows of a CSV with names of columns in its first line, by these names.

    Raises:
        ValueError: it is no text.
    """
    return list(csv.DictReader(io.StringIO(answer.decode(), newline="")))


def write(path: Path, tables: Iterable[tuple[str, list[dict[str, Any]]]]) -> None:
    """Write one CSV of several tables, each with the name of the file that it is of.

    It has the columns of all of them; where a table lacks one, its rows are empty there.
    """
    rows = [{FILE: name} | row for name, rows in tables for row in rows]
    columns = dict.fromkeys(name for row in rows for name in row) or {FILE: None}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
