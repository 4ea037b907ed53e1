"""What a format is: how images are read from it, and how answers are written in it.

Some kinds of files are only read: each of them is a ``Reader``.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from ..answers import Content, Prediction
from ..errors import RequestError
from ..images import Images
from . import foreign


class Reader(ABC):
    """What images are read from.

    Attributes:
        name: what messages call it.
        media_type: by which the server names it.
        aliases: other media types by which clients are known to name it.
        suffixes: of the names of its files, with the dot; the first is the usual one.
        signatures: the bytes that its files may begin with, where these tell it from others.
        picture: whether people look at it, so that ``application/x-image`` may be it.
    """

    name: ClassVar[str]
    media_type: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    suffixes: ClassVar[tuple[str, ...]]
    signatures: ClassVar[tuple[bytes, ...]] = ()
    picture: ClassVar[bool] = False

    def begins(self, body: bytes | bytearray) -> bool:
        """Whether the first bytes of a body tell that it is one of these."""
        return body.startswith(self.signatures)

    @abstractmethod
    def decode(self, body: Any, max_pixels: int) -> Images:
        """Read the images of a request.

        Args:
            body: bytes or a bytearray, not empty; of text formats possibly str.
            max_pixels: the most pixels (N * H * W) to decode, where the size can be known before.

        Returns:
            At least one pixel, their range not settled yet. The media type is the reader's.

        Raises:
            PayloadTooLarge: more than ``max_pixels``.
            OutOfMemory: the memory that is left would not hold them.
            RequestError: anything else that is wrong with the body.
        """


class Format(Reader):
    """What answers are written in, too.

    Whoever adds one writes a class and puts an object of it into ``formats.FORMATS``; see
    CONTRIBUTING.md.

    Attributes:
        contents: what it holds; a ``picture`` holds what is drawn, too.
        usual_for: of which content it is the usual format, and so the first to be offered.
        many_planes: whether it holds more than one plane, such as a stack of masks.
        largest: the largest whole number that it holds; None where there is no limit.
        place: among the offers; of the formats that suit a client equally well, the lowest is sent.
    """

    contents: ClassVar[frozenset[Content]] = frozenset({Content.ARRAY})
    usual_for: ClassVar[Content | None] = None
    many_planes: ClassVar[bool] = True
    largest: ClassVar[int | None] = None
    place: ClassVar[int]

    @property
    def in_kind(self) -> str:
        """The media type of answers to clients that send this format and accept any."""
        return self.media_type

    def holds(self, prediction: Prediction) -> bool:
        """Whether the format can say all of this answer."""
        content = prediction.answer.content
        if content in (Content.FEATURES, Content.TABLE):
            return content in self.contents
        if prediction.plane_count > 1 and not self.many_planes:
            return False
        if content is Content.PICTURE:  # it is drawn, in 8 bits, whatever its values are
            return self.picture
        if content is Content.IMAGE:
            return self.picture or content in self.contents
        return content in self.contents and self.holds_numbers(prediction.values.dtype)

    def holds_numbers(self, dtype: np.dtype) -> bool:
        """Whether every whole number of a dtype can be held; floats always can, if rounded."""
        if self.largest is None or dtype.kind not in "iu":
            return True
        return np.iinfo(dtype).max <= self.largest

    @abstractmethod
    def encode(self, prediction: Prediction) -> bytes:
        """Write an answer that the format ``holds``.

        Raises:
            NotAcceptable: the format has limits that only writing shows.
        """


def sniffed(body: bytes | bytearray, readers: Iterable[Reader]) -> Reader | None:
    """What the first bytes of a body tell that it is, or None."""
    return next((reader for reader in readers if reader.begins(body)), None)


def check_begins(body: bytes | bytearray, media_type: str, readers: Sequence[Reader]) -> Reader:
    """The one of the readers that the first bytes of a body tell.

    Args:
        media_type: what the request says it is.

    Raises:
        RequestError: none of them.
    """
    reader = sniffed(body, readers)
    if reader is None:
        names = " or ".join(reader.name for reader in readers)
        advice = foreign.advice(body) or (
            f"the body of {media_type} is the bytes of the file; send them raw (curl "
            "--data-binary) and name their type in Content-Type"
        )
        raise RequestError(f"body begins with {bytes(body[:8])!r}, which is no {names}; {advice}")
    return reader
