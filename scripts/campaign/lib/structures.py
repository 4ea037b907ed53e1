"""Damage to files that stays within their structure: what parsers check first is right, so that
what they check next is tried, too.

Each function takes the bytes of a sound or damaged file and gives others. It may raise anything
where damage from before has left nothing of the structure.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random

from . import damage, texts, tiff_structure
from .damage import of_bytes, of_parts

Damage = Callable[[bytes, Random], bytes]
PNG = 8  # bytes of its signature
CONTAINERS = (b"meta", b"iprp", b"ipco", b"jp2h", b"moov", b"trak", b"mdia", b"minf", b"stbl")
LARGE = 1 << 20  # bytes of members that are left alone


def png(body: bytes, random: Random) -> bytes:
    """Chunks, whose lengths and checksums are right nearly always."""
    chunks, at = [], PNG
    while at + 12 <= len(body):
        (length,) = struct.unpack_from(">I", body, at)
        chunks.append(body[at + 4 : at + 8 + length])
        at += 12 + length
    joined = [body[:PNG]]
    for chunk in of_parts(chunks, random, _in_chunk):
        crc = zlib.crc32(chunk) ^ (random.random() < 0.02)
        joined += [struct.pack(">I", max(0, len(chunk) - 4)), chunk, struct.pack(">I", crc)]
    return b"".join(joined)


def _in_chunk(chunk: bytes, random: Random) -> bytes:
    kind, data = chunk[:4], chunk[4:]
    if kind == b"IDAT" and random.random() < 0.6:
        return kind + zlib.compress(of_bytes(zlib.decompress(data), random), 1)
    return kind + of_bytes(data, random) if random.random() < 0.9 else of_bytes(chunk, random)


def markers(body: bytes, random: Random) -> bytes:
    """JPEG, JPEG-LS and bare JPEG 2000: segments before the pixels, whose lengths are right."""
    parts, at = [], 2
    while at + 4 <= len(body) and body[at] == 0xFF and body[at + 1] not in (0xD9, 0x93):
        (length,) = struct.unpack_from(">H", body, at + 2)
        parts.append(body[at : at + 2] + body[at + 4 : at + 2 + length])
        at += 2 + length
        if parts[-1][1] == 0xDA:
            break
    joined = [body[:2]]
    for part in of_parts(parts, random, lambda part, random: part[:2] + of_bytes(part[2:], random)):
        joined += [part[:2], struct.pack(">H", min(len(part), 0xFFFF)), part[2:]]
    rest = body[at:]
    if rest and random.random() < 0.2:
        rest = of_bytes(rest, random)
    return b"".join(joined) + rest


def boxes(body: bytes, random: Random) -> bytes:
    """JPEG 2000, JPEG XL and AVIF: boxes within boxes, whose lengths are right."""
    if body[:2] == b"\xff\x4f":
        return markers(body, random)
    parts, at = [], 0
    while at + 8 <= len(body):
        length, start = struct.unpack_from(">I", body, at)[0], 8
        if length == 1:
            length, start = struct.unpack_from(">Q", body, at + 8)[0], 16
        length = length or len(body) - at
        if length < start:
            raise ValueError("a box is shorter than its head")
        parts.append(body[at + 4 : at + 8] + body[at + start : at + length])
        at += length
    joined = []
    for part in of_parts(parts, random, _in_box):
        joined += [struct.pack(">I", len(part) + 4), part]
    return b"".join(joined) + body[at:]


def _in_box(box: bytes, random: Random) -> bytes:
    kind, data = box[:4], box[4:]
    if kind in CONTAINERS and random.random() < 0.8:
        head = 4 if kind == b"meta" else 0
        return kind + data[:head] + boxes(data[head:], random)
    if kind == b"jp2c" and random.random() < 0.6:
        return kind + markers(data, random)
    return kind + of_bytes(data, random)


def riff(body: bytes, random: Random) -> bytes:
    """WebP: chunks whose lengths are right."""
    parts, at = [], 12
    while at + 8 <= len(body):
        (length,) = struct.unpack_from("<I", body, at + 4)
        parts.append(body[at : at + 4] + body[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    inside: Damage = lambda part, random: part[:4] + of_bytes(part[4:], random)  # noqa: E731
    joined = []
    for part in of_parts(parts, random, inside):
        joined += [part[:4], struct.pack("<I", len(part) - 4), part[4:], b"\0" * (len(part) % 2)]
    data = b"".join(joined)
    return b"RIFF" + struct.pack("<I", len(data) + 4) + body[8:12] + data


def gif(body: bytes, random: Random) -> bytes:
    """The header, and blocks."""
    at = 13 + _palette(body[10])
    parts = [body[:at]]
    while at < len(body):
        start = at
        if body[at] == 0x2C:
            at += 11 + _palette(body[at + 9])
        elif body[at] == 0x21:
            at += 2
        else:
            break
        while body[at]:
            at += 1 + body[at]
        at += 1
        parts.append(body[start:at])
    changed = of_parts(parts[1:], random, of_bytes) if random.random() < 0.7 else parts[1:]
    head = parts[0] if changed != parts[1:] else of_bytes(parts[0], random)
    return head + b"".join(changed) + body[at:]


def _palette(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def npy(body: bytes, random: Random) -> bytes:
    """The text of the header, whose length is right; the data may fit what it then says."""
    wide = 4 if body[6] > 1 else 2
    length = int.from_bytes(body[8 : 8 + wide], "little")
    header, data = body[8 + wide : 8 + wide + length], body[8 + wide + length :]
    header = texts.tokens(header, random)
    if random.random() < 0.3:
        data = (data * 8)[: random.randrange(8 * len(data) + 1)]
    size = (len(header) % (1 << (8 * wide))).to_bytes(wide, "little")
    return body[:8] + size + header + data


def npz(body: bytes, random: Random) -> bytes:
    """A sound archive of damaged members."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        items = archive.infolist()[:8]
        if sum(item.file_size for item in items) > LARGE:
            raise ValueError("it would take long to write it again")
        members = [(item.filename, archive.read(item)) for item in items]
    at = random.randrange(len(members))
    name, data = members[at]
    kind = random.random()
    if kind < 0.6:
        members[at] = (name, npy(data, random))
    elif kind < 0.75:
        members[at] = (name, of_bytes(data, random))
    elif kind < 0.9:
        members[at] = (random.choice(("other.npy", "instances", "../a.npy", "é.npy")), data)
    else:
        members += [(f"{number}.npy", data) for number in range(random.choice((1, 20, 1200)))]
    method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method, 1)
    return file.getvalue()


# by the first word of a kind of seeds; of kinds that stand here in vain, bytes are damaged
STRUCTURES: dict[str, Damage] = {
    "PNG": png,
    "JPEG": markers,
    "JPEG-LS": markers,
    "JPEG2000": boxes,
    "JPEGXL": boxes,
    "AVIF": boxes,
    "WEBP": riff,
    "GIF": gif,
    "TIFF": tiff_structure.directory,
    "NPY": npy,
    "NPZ": npz,
    "JSON": texts.tokens,
    "JSONLines": texts.tokens,
    "CSV": texts.tokens,
    "Form": texts.form,
}


def of_kind(kind: str, body: bytes, random: Random) -> bytes:
    """A file with some damage, more often than not within its structure."""
    structure = STRUCTURES.get(kind.split()[0])
    if structure is None or random.random() < 0.35:
        return of_bytes(body, random)
    try:
        return structure(body, random)[: damage.MOST]
    except Exception:  # zipfile alone raises a dozen kinds
        return of_bytes(body, random)
