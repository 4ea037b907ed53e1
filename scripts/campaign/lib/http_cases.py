"""Requests as bytes on a connection, with damage to their lines, their framing and their bytes."""

import itertools
from dataclasses import dataclass
from random import Random

from .damage import of_bytes, of_parts

METHODS = (
    b"GET",
    b"HEAD",
    b"POST",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"TRACE",
    b"CONNECT",
    b"get",
    b"",
)
TARGETS = (
    *(b"/ping", b"/execution-parameters", b"/invocations", b"/models", b"/models/a/invoke", b"/"),
    *(b"*", b"//", b"http://a/ping", b"/%zz", b"/%00", b"/../ping", b"/ping?a=b&%", b"/ping#a"),
    *(b"/invocations?output=labels", b"/\xff\xfe", b"/" + b"a" * 9000, b"a:80", b"/ping\tx"),
)
VERSIONS = (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.1 ", b"http/1.1", b"")
LENGTHS = (
    *(
        b"0",
        b"1",
        b"5",
        b"-1",
        b"+5",
        b"0x5",
        b"5,5",
        b"5 5",
        b" 5",
        b"5\x0b",
        b"99999999999999999999",
    ),
    *(b"2147483648", b"104857601", b"", b"five", b"5\r\nContent-Length: 6", b"00005"),
)
CODINGS = (
    *(b"chunked", b"Chunked", b"gzip, chunked", b"chunked, chunked", b"identity", b"xchunked"),
    *(b"\x0bchunked", b"chunked;a=b", b"", b"chunked, identity"),
)
SIZES = (
    b"%x",
    b"%X",
    b"0%x",
    b"%x;a=b",
    b"%x ",
    b" %x",
    b"0x%x",
    b"-%x",
    b"%xg",
    b"ffffffffffff%x",
)
ENDS = (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\0\r\n")
HEADERS = (
    *(b"Host: a", b"Host: b", b"Expect: 100-continue", b"Expect: 200-ok", b"Connection: close"),
    *(b"Connection: upgrade", b"Upgrade: h2c", b"Accept: image/*;q=x", b"Accept: a/b", b"X: \xff"),
    *(b" folded", b": no name", b"no colon", b"X-Unet-Query: output=labels", b"A\0: b", b"A : b"),
    *(b"x-request-id: a", b"Content-Encoding: br", b"Content-Encoding: gzip", b"Trailer: x"),
    *(b"X-Amzn-SageMaker-Custom-Attributes: output=nothing", b"TE: trailers", b"X: " + b"y" * 8200),
)


@dataclass(frozen=True)
class Sending:
    """What is sent on one connection.

    Attributes:
        parts: one after the other.
        closes: whether the sending side is closed behind them.
    """

    parts: list[bytes]
    closes: bool


class Sendings:
    """All that a campaign sends: each is made of its number and the seed alone.

    Args:
        body: of a sound request, an image/png.
    """

    def __init__(self, seed: int, body: bytes):
        self._seed, self._body = seed, body

    def __getitem__(self, number: int) -> Sending:
        random = Random(f"{self._seed}:http:{number}")
        data = b"".join(self._request(random) for _ in range(random.choice((1, 1, 1, 2, 3))))
        if random.random() < 0.4:
            data = of_bytes(data, random)
        cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.choice((0, 0, 1, 4))))
        places = [0, *cuts, len(data)]
        parts = [data[a:b] for a, b in itertools.pairwise(places)]
        return Sending(parts, random.random() < 0.8)

    def _request(self, random: Random) -> bytes:
        """A request; of its parts, most are sound."""
        post = random.random() < 0.7
        body = self._body if random.random() < 0.8 else random.randbytes(random.randint(0, 300))
        method = b"POST" if post else b"GET"
        target = b"/invocations" if post else b"/ping"
        lines = [
            b" ".join(
                (
                    _or(method, METHODS, random, 0.1),
                    _or(target, TARGETS, random, 0.2),
                    _or(b"HTTP/1.1", VERSIONS, random, 0.08),
                )
            ),
            b"Host: a",
        ]
        if post:
            lines.append(b"Content-Type: image/png")
            framing, body = _framed(body, random)
            lines += framing
        for _ in range(random.choice((0, 0, 1, 1, 2))):
            lines.insert(random.randint(1, len(lines)), random.choice(HEADERS))
        if random.random() < 0.2:
            lines = of_parts(lines, random, of_bytes)[:200]
        end = _or(b"\r\n", ENDS, random, 0.06)
        return end.join(lines) + end + end + (body if post else b"")


def _or(usual: bytes, others: tuple[bytes, ...], random: Random, often: float) -> bytes:
    return random.choice(others) if random.random() < often else usual


def _framed(body: bytes, random: Random) -> tuple[list[bytes], bytes]:
    """The headers that tell where a body ends, and the body so framed."""
    kind = random.random()
    length = b"Content-Length: " + _or(b"%d" % len(body), LENGTHS, random, 0.2)
    if kind < 0.55:
        return [length], body
    coding = b"Transfer-Encoding: " + _or(b"chunked", CODINGS, random, 0.2)
    chunks = b""
    while body:
        size = random.choice((1, 7, 100, len(body)))
        layout = _or(SIZES[0], SIZES, random, 0.03)
        end = _or(b"\r\n", ENDS, random, 0.02)
        part, body = body[:size], body[size:]
        chunks += layout % len(part) + end + part + end
        if len(chunks) > 1 << 16:
            break
    chunks += random.choice(
        (b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nA: b\r\n\r\n", b"0\r\n", b"", b"00\r\n\r\n")
    )
    return ([coding, length] if kind > 0.95 else [coding]), chunks
