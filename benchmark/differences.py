"""How two answers over HTTP differ."""

from collections.abc import Iterator
from typing import NamedTuple

VARYING_HEADERS = {"x-request-id", "date"}  # only that they are sent is compared
SHOWN = 100  # bytes of a body


class Answer(NamedTuple):
    """The status, the headers by lower-case name, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes


def differences(this: Answer, other: Answer) -> Iterator[str]:
    """A line for each part of two answers that is not equal."""
    if this.status != other.status:
        yield f"status {this.status}, other {other.status}"
    for name in sorted(this.headers.keys() | other.headers.keys()):
        here, there = _compared(this, name), _compared(other, name)
        if here != there:
            yield f"{name} {here!r}, other {there!r}"
    if this.body != other.body:
        at = _first_difference(this.body, other.body)
        ours, theirs = this.body[at : at + SHOWN], other.body[at : at + SHOWN]
        yield f"body from byte {at} on {ours!r}, other {theirs!r}"


def _compared(answer: Answer, name: str) -> str | None:
    if name in VARYING_HEADERS and name in answer.headers:
        return "is sent"
    return answer.headers.get(name)


def _first_difference(one: bytes, other: bytes) -> int:
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))
