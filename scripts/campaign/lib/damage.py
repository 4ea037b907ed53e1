"""Damage to bytes of any kind, and to parts in a row, of which most files are made."""

from collections.abc import Callable
from random import Random

MOST = 1 << 18  # bytes that damage lets a body grow to
HEAD = 64  # bytes in which most formats tell sizes
NUMBERS = (
    *(0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 100, 127, 128, 254, 255, 256, 257, 1000, 4095),
    *(0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x10000, 0xFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE),
    *(0xFFFFFFFF, 1 << 32, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1),
)
WIDTHS = (1, 2, 2, 4, 4, 4, 8)

Parts = list[bytes]


def number(random: Random, width: int) -> bytes:
    """A number of so many bytes, of either byte order, that programs are known to trip over."""
    value = random.choice(NUMBERS) if random.random() < 0.8 else random.getrandbits(8 * width)
    order = "little" if random.random() < 0.5 else "big"
    return (value % (1 << (8 * width))).to_bytes(width, order)  # type: ignore[arg-type]


def _place(random: Random, size: int) -> int:
    """Somewhere in so many bytes, rather at their beginning."""
    return random.randrange(min(size, HEAD) if random.random() < 0.4 else size)


def _span(random: Random, size: int) -> tuple[int, int]:
    start = _place(random, size)
    longest = size - start if random.random() < 0.1 else min(size - start, 64)
    return start, start + random.randint(1, longest)


def _flip_a_bit(body: bytes, random: Random) -> bytes:
    changed, at = bytearray(body), _place(random, len(body))
    changed[at] ^= 1 << random.randrange(8)
    return bytes(changed)


def _change_a_byte(body: bytes, random: Random) -> bytes:
    changed = bytearray(body)
    changed[_place(random, len(body))] = random.randrange(256)
    return bytes(changed)


def _write_a_number(body: bytes, random: Random) -> bytes:
    changed, width = bytearray(body), random.choice(WIDTHS)
    at = _place(random, len(body))
    if random.random() < 0.5:
        at -= at % width
    changed[at : at + width] = number(random, width)[: len(body) - at]
    return bytes(changed)


def _add_to_a_byte(body: bytes, random: Random) -> bytes:
    changed, at = bytearray(body), _place(random, len(body))
    changed[at] = (changed[at] + random.choice((-1, 1, 16, -16))) % 256
    return bytes(changed)


def _take_out(body: bytes, random: Random) -> bytes:
    start, stop = _span(random, len(body))
    return body[:start] + body[stop:]


def _repeat(body: bytes, random: Random) -> bytes:
    start, stop = _span(random, len(body))
    times = random.choice((1, 1, 2, 10, 1000))
    times = max(1, min(times, MOST // (stop - start)))
    return body[:stop] + body[start:stop] * times + body[stop:]


def _copy_over(body: bytes, random: Random) -> bytes:
    start, stop = _span(random, len(body))
    at = _place(random, len(body))
    return body[:at] + body[start:stop] + body[at + stop - start :]


def _put_in(body: bytes, random: Random) -> bytes:
    at = _place(random, len(body))
    return body[:at] + random.randbytes(random.randint(1, 16)) + body[at:]


def _blank(body: bytes, random: Random) -> bytes:
    start, stop = _span(random, len(body))
    return body[:start] + random.choice((b"\0", b"\xff")) * (stop - start) + body[stop:]


def _cut(body: bytes, random: Random) -> bytes:
    return body[: random.randrange(len(body))]


def _append(body: bytes, random: Random) -> bytes:
    return body + random.choice((b"\0", b"\xff", b"\r\n", random.randbytes(8), body[-64:]))


_DAMAGES: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(_flip_a_bit, _change_a_byte, _write_a_number, _write_a_number, _add_to_a_byte),
    *(_take_out, _repeat, _copy_over, _put_in, _blank, _cut, _append),
)


def of_bytes(body: bytes, random: Random) -> bytes:
    """The same bytes with some damage, not longer than MOST."""
    return random.choice(_DAMAGES)(body, random)[:MOST] if body else random.randbytes(4)


def of_parts(parts: Parts, random: Random, inside: Callable[[bytes, Random], bytes]) -> Parts:
    """Parts in a row of which one is missing, repeated, at another place, or damaged.

    Args:
        inside: damages one of them.
    """
    if not parts:
        return parts
    changed, at = list(parts), random.randrange(len(parts))
    kind = random.random()
    if kind < 0.55:
        changed[at] = inside(parts[at], random)
    elif kind < 0.7:
        del changed[at]
    elif kind < 0.85:
        times = random.choice((1, 1, 1, 5, 200, 5000))
        times = max(1, min(times, MOST // (len(parts[at]) + 16)))
        changed[at:at] = [parts[at]] * times
    else:
        other = random.randrange(len(parts))
        changed[at], changed[other] = changed[other], changed[at]
    return changed
