"""Damage to TIFFs: tags with other types, numbers and values, pages that lead elsewhere."""

import struct
from random import Random
from typing import NamedTuple

from . import texts
from .damage import NUMBERS

MOST_PAGES = 8  # that are looked at
MOST_TAGS = 1000  # of a page that is damaged
DESCRIPTION = 270
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
TAGS = (
    *(254, 255, 256, 257, 258, 259, 262, 266, 270, 273, 274, 277, 278, 279, 281, 282, 284, 296),
    *(317, 320, 322, 323, 324, 325, 330, 338, 339, 347, 513, 514, 530, 32997, 33629, 34412, 50839),
)
VALUES = {
    259: (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 33003, 34712, 34887, 34925, 34933, 50000, 50001),
    262: (0, 1, 2, 3, 4, 5, 6, 8, 32803, 32844, 32845),
    258: (1, 2, 4, 7, 8, 10, 12, 14, 16, 24, 32, 33, 64, 65),
    339: (1, 2, 3, 4, 5, 6),
    317: (1, 2, 3, 34892, 34894),
    284: (1, 2),
    277: (1, 2, 3, 4, 5, 16, 17, 100, 65535),
}


class Layout(NamedTuple):
    """Where numbers lie in a file: classic or big, of either byte order.

    Attributes:
        order: of bytes, and ``tags``, ``entry``, ``offset``, as ``struct`` calls them.
        room: bytes of an offset; line: of a tag.
    """

    order: str
    tags: str
    entry: str
    offset: str
    room: int
    line: int


class Entry(NamedTuple):
    """One tag; the value as it stands in the line, or where that says that it lies."""

    code: int
    type: int
    number: int
    value: bytes


def directory(body: bytes, random: Random) -> bytes:
    """A TIFF one of whose directories is damaged.

    It is written anew at the end of the file, so that it may have more entries than before.
    """
    order = "<" if body[:2] == b"II" else ">"
    big = 43 in body[2:4]
    layout = Layout(order, "Q", "HHQ", "Q", 8, 20) if big else Layout(order, "H", "HHI", "I", 4, 12)
    pointer = 8 if big else 4
    pointers: list[int] = []
    offset = _number(body, layout, layout.offset, pointer)
    while offset and len(pointers) < MOST_PAGES and pointer not in pointers:
        pointers.append(pointer)
        count = _number(body, layout, layout.tags, offset)
        pointer = offset + struct.calcsize(order + layout.tags) + count * layout.line
        offset = _number(body, layout, layout.offset, pointer)
    chosen = random.choice(pointers)
    entries, following = _entries(body, layout, _number(body, layout, layout.offset, chosen))
    changed = bytearray(body)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        _damage(entries, changed, layout, random)
    if random.random() < 0.08:
        following = random.choice((0, following, len(body), 8, random.randrange(len(body))))
    start = len(changed) + len(changed) % 2
    changed += bytes(start - len(changed))
    changed += struct.pack(order + layout.tags, len(entries))
    for entry in entries:
        changed += struct.pack(order + layout.entry, entry.code, entry.type, entry.number)
        changed += entry.value
    changed += struct.pack(order + layout.offset, following)
    struct.pack_into(order + layout.offset, changed, chosen, start)
    return bytes(changed)


def _number(body: bytes, layout: Layout, kind: str, at: int) -> int:
    return struct.unpack_from(layout.order + kind, body, at)[0]


def _entries(body: bytes, layout: Layout, offset: int) -> tuple[list[Entry], int]:
    """The tags of a directory, and where the next one lies."""
    count = _number(body, layout, layout.tags, offset)
    if count > MOST_TAGS:
        raise ValueError("it would take long to write it again")
    at = offset + struct.calcsize(layout.order + layout.tags)
    entries = []
    for _ in range(count):
        code, kind, number = struct.unpack_from(layout.order + layout.entry, body, at)
        value = body[at + layout.line - layout.room : at + layout.line]
        entries.append(Entry(code, kind, number, value))
        at += layout.line
    return entries, _number(body, layout, layout.offset, at)


def _damage(entries: list[Entry], body: bytearray, layout: Layout, random: Random) -> None:
    if not entries:
        return
    at = random.randrange(len(entries))
    entry, kind = entries[at], random.random()
    if kind < 0.35:
        entries[at] = entry._replace(value=_value(entry, layout, random))
    elif kind < 0.45:
        entries[at] = entry._replace(number=_any_number(random, layout.room))
    elif kind < 0.52:
        entries[at] = entry._replace(type=random.choice((*SIZES, 0, 14, 17, 18, 99)))
    elif kind < 0.6:
        entries[at] = entry._replace(code=random.choice(TAGS))
    elif kind < 0.68:
        del entries[at]
    elif kind < 0.73:
        times = random.choice((1, 1, 1, 100, 5000))
        entries[at:at] = [entry] * times
    elif kind < 0.83:
        code = random.choice(TAGS)
        added = Entry(code, random.choice((1, 3, 4)), 1, bytes(layout.room))
        entries.insert(at, added._replace(value=_value(added, layout, random)))
    elif kind < 0.9:
        _elsewhere(entries, at, body, layout, random)
    else:
        _described(entries, body, layout, random)


def _any_number(random: Random, width: int) -> int:
    return random.choice(NUMBERS) % (1 << (8 * width))


def _value(entry: Entry, layout: Layout, random: Random) -> bytes:
    """Another value, of the type of the entry."""
    usual = VALUES.get(entry.code)
    number = random.choice(usual) if usual and random.random() < 0.7 else random.choice(NUMBERS)
    width = min(SIZES.get(entry.type, 4), layout.room)
    order = "little" if layout.order == "<" else "big"
    return (number % (1 << (8 * width))).to_bytes(width, order).ljust(layout.room, b"\0")  # type: ignore[arg-type]


def _elsewhere(
    entries: list[Entry], at: int, body: bytearray, layout: Layout, random: Random
) -> None:
    """Many values, behind the end of the file as it was."""
    entry, many = entries[at], random.choice((2, 3, 17, 300, 5000))
    width = SIZES.get(entry.type, 4)
    one = _value(entry, layout, random)[:width].ljust(width, b"\0")
    where = struct.pack(layout.order + layout.offset, len(body))
    body += one * many
    entries[at] = entry._replace(number=many, value=where)


def _described(entries: list[Entry], body: bytearray, layout: Layout, random: Random) -> None:
    """Another description, made of the one that there is."""
    found = [number for number, entry in enumerate(entries) if entry.code == DESCRIPTION]
    if not found:
        return
    entry = entries[found[0]]
    if entry.number <= layout.room:
        text = entry.value[: entry.number]
    else:
        [start] = struct.unpack(layout.order + layout.offset, entry.value)
        text = bytes(body[start : start + entry.number])
    for _ in range(random.choice((1, 1, 2, 4))):
        text = texts.tokens(text, random)
    where = struct.pack(layout.order + layout.offset, len(body))
    body += text.ljust(layout.room + 1, b"\0")
    entries[found[0]] = entry._replace(number=max(len(text), layout.room + 1), value=where)
