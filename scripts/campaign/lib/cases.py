"""The bodies of a campaign: each is made of its number, the seed and the corpus alone."""

import base64
import gzip
import zlib
from collections import defaultdict
from dataclasses import dataclass
from random import Random

from segmentation.wire import formats, media_types

from . import structures
from .damage import of_bytes
from .seeds import BOUNDARY, Seed, form

OTHER_TYPES = ("", "application/x-image", "application/octet-stream", "image/png", "image/tiff")


@dataclass(frozen=True)
class Case:
    """A body, and what is said of it.

    Attributes:
        number: in the campaign.
        kind: of the seed that it was made of.
        media_type: Content-Type; "": none.
        encoding: Content-Encoding, or "".
        body: the bytes.
    """

    number: int
    kind: str
    media_type: str
    encoding: str
    body: bytes


class Cases:
    """All bodies of a campaign.

    Args:
        corpus: what they are made of.
        seed: of their damage.
    """

    def __init__(self, corpus: list[Seed], seed: int):
        by_kind: dict[str, list[Seed]] = defaultdict(list)
        for one in corpus:
            by_kind[one.kind].append(one)
        self._kinds = [*by_kind.values()]
        self._seed = seed

    def __getitem__(self, number: int) -> Case:
        random = Random(f"{self._seed}:{number}")
        chosen = random.choice(self._kinds[number % len(self._kinds)])
        body = self._damaged(chosen, random)
        case = Case(number, chosen.kind, chosen.media_type, chosen.encoding, body)
        kind = random.random()
        if kind < 0.03:
            return _in_form(case, random)
        if kind < 0.06:
            return _in_coding(case, random)
        if kind < 0.08:
            return _in_json(case)
        if kind < 0.12:
            other = random.choice(OTHER_TYPES)
            return Case(number, case.kind, other, case.encoding, body)
        return case

    def _damaged(self, seed: Seed, random: Random) -> bytes:
        body, kind = seed.body, seed.kind
        packed = seed.encoding == "gzip" and random.random() < 0.7
        if packed:
            body = gzip.decompress(body)
        if packed or (kind == "Large" and not seed.encoding):
            kind = _kind_of(seed.media_type)
        for _ in range(random.choice((1, 1, 1, 1, 1, 1, 2, 2, 3, 8))):
            body = structures.of_kind(kind, body, random)
        if random.random() < 0.03:
            others = random.choice(self._kinds)
            other = random.choice(others).body
            body = body[: random.randrange(len(body) + 1)] + other[random.randrange(len(other)) :]
        return gzip.compress(body, 1, mtime=0) if packed else body


def _kind_of(media_type: str) -> str:
    [name] = (reader.name for reader in formats.ALL_READERS if reader.media_type == media_type)
    return name.replace(" ", "")


def _in_form(case: Case, random: Random) -> Case:
    body = form(case.body, random.choice(("a", "a.tif", "")), case.media_type, {"output": "mask"})
    media_type = f"multipart/form-data; boundary={BOUNDARY}"
    return Case(case.number, case.kind, media_type, "", body)


def _in_coding(case: Case, random: Random) -> Case:
    body = case.body
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        body = gzip.compress(body, 1, mtime=0) if random.random() < 0.5 else zlib.compress(body, 1)
        if random.random() < 0.3:
            body = of_bytes(body, random)
    encoding = random.choice(("gzip", "deflate", "gzip, deflate", "gzip, gzip", "br"))
    return Case(case.number, case.kind, case.media_type, encoding, body)


def _in_json(case: Case) -> Case:
    text = b'{"instances": [{"b64": "%s"}]}' % base64.b64encode(case.body)
    return Case(case.number, case.kind, media_types.JSON, "", text)
