"""Damage to texts: JSON, CSV, the headers of NPY and of forms, XML."""

import re
from random import Random

from .damage import of_bytes, of_parts

TOKEN = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|[A-Za-z_]+|\s+|[^\w\s]")
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
WINDOW = 4096  # bytes of a text that are looked at
VALUES = (
    *(b"0", b"-0", b"-1", b"1", b"2", b"3", b"4", b"16", b"17", b"255", b"256", b"255.5", b"65536"),
    *(b"1e5", b"1e400", b"-1e308", b"1e-400", b"0.1", b"NaN", b"nan", b"Infinity", b"-inf"),
    *(b"null", b"true", b"True", b"None", b'"1"', b"[]", b"{}", b"[1]", b"[[[[[[1]]]]]]", b"()"),
    *(b"2147483648", b"4294967295", b"9223372036854775808", b"1" * 400, b"99999999999", b"1_0"),
    *(b'"\\ud800"', b'"\\u0000"', b"\xff", b"\xef\xbb\xbf", "é".encode(), b"|O", b"<f8", b">u2"),
    *(b"|b1", b"<f2", b"<U8", b"<c8", b"<M8[s]", b"<i8", b"<u8", b"<f16", b"__import__('os')"),
    *(b",", b",,", b"\n", b"\r", b"\t", b"]", b"[", b"}", b"{", b":", b'"', b"'", b" ", b"#"),
)


def tokens(body: bytes, random: Random) -> bytes:
    """A text of which a word, a number or a sign is another one, missing, or repeated."""
    if random.random() < 0.1:
        return of_bytes(body, random)
    start = random.randrange(max(1, len(body) - WINDOW))
    before, window, behind = body[:start], body[start : start + WINDOW], body[start + WINDOW :]
    return before + _tokens(window, random) + behind


def _tokens(body: bytes, random: Random) -> bytes:
    parts = TOKEN.findall(body)
    if len(parts) < 2:
        return of_bytes(body, random)
    if random.random() < 0.25:
        start = random.randrange(len(parts))
        stop = random.randint(start, min(len(parts), start + 40))
        times = random.choice((0, 2, 2, 3, 300))
        return b"".join(parts[:start] + parts[start:stop] * times + parts[stop:])
    return b"".join(of_parts(parts, random, _another))


def _another(token: bytes, random: Random) -> bytes:
    if NUMBER.fullmatch(token) and random.random() < 0.3:
        return b"%d" % random.randint(-5, 300)
    return random.choice(VALUES)


def form(body: bytes, random: Random) -> bytes:
    """Damage to the lines of a form, rather than to the file in it."""
    lines = body.split(b"\r\n")
    if random.random() < 0.1:
        at = random.choice((b"\n", b"\r", b""))
        return at.join(lines)
    heads = [number for number, line in enumerate(lines) if line.startswith((b"--", b"Content"))]
    if not heads or random.random() < 0.2:
        return b"\r\n".join(of_parts(lines, random, of_bytes))
    at_line = random.choice(heads)
    kind = random.random()
    if kind < 0.5:
        lines[at_line] = tokens(lines[at_line], random)
    elif kind < 0.75:
        start = random.choice(heads)
        lines[at_line:at_line] = lines[start : start + 4] * random.choice((1, 2, 120))
    else:
        del lines[at_line]
    return b"\r\n".join(lines)
