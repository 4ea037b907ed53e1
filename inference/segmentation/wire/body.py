"""What the body of a request is before any format: its coding undone, the file of a form found.

RFC 9110 (Content-Encoding), RFC 1952 (gzip), RFC 7578 (multipart/form-data).
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from multipart import MultipartError, MultipartSegment, PushMultipartParser

from ..errors import PayloadTooLarge, RequestError, UnsupportedMediaType
from . import media_types

# as zlib calls them: gzip has a header of its own, and deflate has one of zlib, or none
GZIP, ZLIB, BARE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
CODINGS = {"gzip": GZIP, "x-gzip": GZIP, "deflate": ZLIB}
MAX_CODINGS = 3
MAX_MEMBERS = 10_000  # of one gzip; tools for genomes write a member for each 64 kB
PART = 1 << 16  # bytes that are undone at once
MAX_PARTS = 100  # of a form
MAX_FIELD = 1 << 14  # bytes of a field that is no file
EXTENDED_FILENAME = re.compile(r";\s*filename\*\s*=[^';]*'[^';]*'([^;]*)", re.IGNORECASE)
NUMBERS = (media_types.JSON, "text/plain")  # of fields that are no files


@dataclass(frozen=True)
class Body:
    """What is to be decoded.

    Attributes:
        body: the bytes of a file, or text.
        content_type: of it, or None.
        parameters: the options that stand beside a file in a form, by their keys.
        filename: of a file in a form, whose type is often a guess of the sender's program.
    """

    body: bytes | bytearray | str
    content_type: str | None
    parameters: dict[str, str] = field(default_factory=dict)
    filename: str = ""


def opened(
    body: bytes | bytearray | str,
    content_type: str | None,
    content_encoding: str | None,
    max_bytes: int,
) -> Body:
    """What the sender wanted to be decoded.

    Args:
        body: as it came.
        content_type: the header's value, or None.
        content_encoding: the value of that header, or None.
        max_bytes: the most that a body may have once its coding is undone.

    Raises:
        UnsupportedMediaType: the coding is unknown.
        PayloadTooLarge: there would be more than ``max_bytes``.
        RequestError: the coding is damaged, or the form does not hold one file.
    """
    if not isinstance(body, str):
        body = undone(body, content_encoding or "", max_bytes)
    name, parameters = media_types.parse(content_type or "")
    if name != media_types.FORM:
        return Body(body, content_type)
    if not body:
        raise RequestError("body is empty; a form must hold a file: curl -F file=@FILE")
    data = body.encode() if isinstance(body, str) else body
    return _of_form(data, parameters.get("boundary", ""))


def undone(body: bytes | bytearray, codings: str, max_bytes: int) -> bytes | bytearray:
    """A body with all of its codings undone, the last one first.

    Args:
        codings: the value of the header Content-Encoding.
        max_bytes: the most that it may have then.

    Raises:
        UnsupportedMediaType: a coding is unknown.
        PayloadTooLarge: there would be more.
        RequestError: a coding is damaged.
    """
    names = [name for name in map(str.strip, codings.lower().split(",")) if name != "identity"]
    names = [name for name in names if name]
    if len(names) > MAX_CODINGS or not CODINGS.keys() >= {*names}:
        raise UnsupportedMediaType(
            f"Content-Encoding is {codings!r}; gzip and deflate are undone; send the body so, or "
            "as it is, without that header"
        )
    for name in reversed(names):
        if body:
            body = _inflated(body, name, max_bytes)
    return body


def _inflated(body: bytes | bytearray, name: str, max_bytes: int) -> bytearray:
    kind = CODINGS[name]
    if kind == ZLIB and not _has_zlib_header(body):
        kind = BARE
    inflated = bytearray()
    try:
        for part in _parts(memoryview(body), kind):
            inflated += part
            if len(inflated) > max_bytes:
                raise PayloadTooLarge(
                    f"body has more than {max_bytes:,} bytes once its {name} is undone; this "
                    "server takes no more (`max_payload_mb`); send fewer, or raise the limit"
                )
    except zlib.error as exc:
        raise RequestError(
            f"body is not {name}, as Content-Encoding says, or is damaged: {exc}; send it whole, "
            "or leave the header out"
        ) from exc
    return inflated


def _has_zlib_header(body: bytes | bytearray) -> bool:
    return body[0] & 0x0F == 8 and len(body) > 1 and (body[0] * 256 + body[1]) % 31 == 0


def _parts(body: memoryview, kind: int) -> Iterator[bytes]:
    """What a coding stands for, some at a time; a gzip may have several members.

    Raises:
        zlib.error: it is damaged, was cut, or has something else at its end.
    """
    place = 0
    for _ in range(MAX_MEMBERS):
        undoing = zlib.decompressobj(kind)
        while not undoing.eof:
            taken: bytes | memoryview = undoing.unconsumed_tail
            if not taken:
                taken = body[place : place + PART]
                place += len(taken)
            part = undoing.decompress(taken, PART)
            yield part
            if not (part or taken):
                raise zlib.error("it ends too early")
        place -= len(undoing.unused_data)
        if place == len(body) or (kind == GZIP and _only_zeros(body[place:])):
            return  # tapes pad with zeros
        if kind != GZIP:
            raise zlib.error("something follows its end")
    raise zlib.error(f"it has more than {MAX_MEMBERS:,} members")


def _only_zeros(rest: memoryview) -> bool:
    parts = (rest[place : place + PART] for place in range(0, len(rest), PART))
    return not any(bytes(part).strip(b"\0") for part in parts)


def _of_form(body: bytes | bytearray, boundary: str) -> Body:
    files: list[tuple[MultipartSegment, bytes]] = []
    fields: dict[str, str] = {}
    for segment, data in _segments(body, boundary):
        if _is_file(segment):
            files.append((segment, data))
        elif _filename(segment) != "" or data:  # a browser sends a file that nobody chose so
            name = segment.name or ""
            if name in fields:
                raise RequestError(f"form has the field {name!r} twice; send it once")
            fields[name] = _text(name, data)
    if len(files) != 1:
        raise _not_one([_called(segment) for segment, _ in files], [*fields])
    segment, data = files[0]
    if not data:
        raise RequestError(
            f"file {_called(segment)!r} of the form is empty; it must hold an image; choose another"
        )
    return Body(data, segment.header("content-type"), fields, _filename(segment) or "")


def _called(segment: MultipartSegment) -> str:
    return _filename(segment) or segment.name or ""


def _filename(segment: MultipartSegment) -> str | None:
    """Of a file, empty where none was chosen; None of a field.

    Older versions of urllib3 write one that is not in ASCII as RFC 5987 does: filename*=UTF-8''…
    """
    if segment.filename is not None:
        return segment.filename
    extended = EXTENDED_FILENAME.search(segment.header("content-disposition") or "")
    return unquote(extended[1]) if extended else None


def _segments(body: bytes | bytearray, boundary: str) -> Iterator[tuple[MultipartSegment, bytes]]:
    """The parts of a form, and what they hold.

    Raises:
        RequestError: it is malformed, or has too many parts.
    """
    try:
        with PushMultipartParser(boundary.encode(), max_segment_count=MAX_PARTS) as parser:
            segment: MultipartSegment | None = None
            data = b""
            for event in parser.parse(bytes(body)):
                if isinstance(event, MultipartSegment):
                    segment, data = event, b""
                elif event is None and segment is not None:
                    yield segment, data
                elif event is not None:
                    data = data + event if data else bytes(event)
    except (MultipartError, UnicodeError) as exc:
        raise RequestError(
            f"form cannot be read: {exc}; it holds one file, and options beside it as fields; send "
            "it with curl -F file=@FILE, which writes the boundary into Content-Type itself"
        ) from exc


def _is_file(segment: MultipartSegment) -> bool:
    filename = _filename(segment)
    if filename is not None:
        return filename != ""
    kind = media_types.parse(segment.header("content-type") or "")[0]
    return bool(kind) and kind not in NUMBERS


def _text(name: str, data: bytes) -> str:
    rule = (
        "fields are options, and a file has a filename; send it with "
        f"curl -F {name or 'file'}=@FILE"
    )
    if len(data) > MAX_FIELD:
        raise RequestError(f"field {name!r} of the form has {len(data):,} bytes; {rule}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise RequestError(f"field {name!r} of the form is not UTF-8; {rule}") from exc


def _not_one(files: list[str], fields: list[str]) -> RequestError:
    if files:
        return RequestError(
            f"form holds {len(files)} files, {', '.join(files[:5])}; one is read; send the others "
            "in requests of their own, or all as the pages of one TIFF"
        )
    came = f"the fields {', '.join(fields[:5])}" if fields else "nothing"
    return RequestError(
        f"form holds {came}, and no file; it must hold one, a part with a filename; send it with "
        "curl -F file=@FILE"
    )
