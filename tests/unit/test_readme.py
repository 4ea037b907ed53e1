"""The tables of the README that say what the code decides."""

import re
from pathlib import Path

from segmentation.answers import ANSWERS
from segmentation.wire.formats import READERS

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
MEDIA_TYPE = re.compile(r"`([a-z]+/[a-z0-9.+-]+)`")


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_column(text: str) -> str:
    """The first cells of all tables, a line each."""
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    return "\n".join(rows)


def test_requests_may_have_all_media_types_that_are_read():
    assert MEDIA_TYPE.findall(first_column(section("Requests"))) == list(READERS)


def test_requests_may_want_all_answers():
    outputs = re.findall(r"`output=(\w+)`", first_column(section("Requests")))
    assert outputs == list(ANSWERS)
