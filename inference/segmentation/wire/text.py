"""JSON and JSON Lines: numbers from 0 to 255 in requests; the values of the answer.

https://www.rfc-editor.org/rfc/rfc8259, https://jsonlines.org
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import orjson

from ..answers import Content, Prediction
from ..channels import MAX_COLOUR_CHANNELS, times
from ..errors import RequestError
from ..images import Images, check_shape, check_size
from . import embedded, geojson, media_types, nesting, table
from .format import Format, Reader
from .writing import array_of

MIN_AXES, MAX_AXES = 2, 4  # of images: H×W, N×H×W×C
MAX_IMAGES = 10_000  # of JSON Lines
EXACT = 1 << 24  # up to which float32 holds every whole number


class Json(Format):
    """Nested arrays; a request may have them under ``"instances"``, or files in their place."""

    name = "JSON"
    media_type = media_types.JSON
    suffixes = (".json",)
    contents = frozenset({Content.ARRAY, Content.FEATURES, Content.TABLE})
    place = 5

    def __init__(self, files: Callable[[], Sequence[Reader]] = tuple):
        """With what reads files that stand in JSON; ``formats`` knows it when all are there."""
        self._files = files

    def decode(self, body: bytes | str, max_pixels: int) -> Images:
        parameters: dict[str, Any] = {}
        content = _parse_json(body, "body")
        if isinstance(content, dict):
            if "instances" not in content:
                raise RequestError(
                    f"JSON object has the keys {sorted(content)[:5]}; the images stand under "
                    '"instances"; send {"instances": […]} or the bare array'
                )
            parameters = _parameters(content.get("parameters"))
            content = content["instances"]
        if embedded.is_file(content):
            images = embedded.decode(content, self._files(), max_pixels)
            return replace(images, media_type=self.media_type, parameters=parameters)
        pixels = _numbers(content, "array")
        return Images(pixels, None, "", self.media_type, text=True, parameters=parameters)

    def encode(self, prediction: Prediction) -> bytes:
        if prediction.answer.content is Content.FEATURES:
            return geojson.dumps(prediction)
        if prediction.answer.content is Content.TABLE:
            return bytes(array_of(table.records(prediction)))
        return dumps(np.asarray(prediction))


class JsonLines(Format):
    """One image a line, as a nested array."""

    name = "JSON Lines"
    media_type = media_types.JSONLINES
    aliases = ("application/x-jsonlines", "application/jsonl", "application/x-ndjson")
    suffixes = (".jsonl",)
    contents = frozenset({Content.ARRAY, Content.TABLE})
    place = 6

    def decode(self, body: bytes | str, max_pixels: int) -> Images:
        data = body.encode() if isinstance(body, str) else body
        if data.count(b"\n") > MAX_IMAGES:
            raise RequestError(
                f"body has more than {MAX_IMAGES:,} lines, which are the most images that are read "
                "of JSON Lines; send them in several requests, or as application/x-npy"
            )
        images: list[np.ndarray] = []
        for number, line in enumerate(filter(None, map(bytes.strip, io.BytesIO(data))), start=1):
            image = _numbers(_parse_json(line, f"line {number}"), f"line {number}")
            images.append(image)
            _check_line(image.shape, number, images[0].shape)
            check_size((number, *image.shape), max_pixels)
        if not images:
            raise RequestError(
                "body has no line; JSON Lines holds one image a line; send at least one"
            )
        stack = np.stack(images)
        axes = "NHW" if stack.ndim == 3 else "NHWC"
        return Images(stack, None, axes, self.media_type, text=True)

    def encode(self, prediction: Prediction) -> bytes:
        if prediction.answer.content is Content.TABLE:
            return b"".join(orjson.dumps(row) + b"\n" for row in table.records(prediction))
        return b"".join(dumps(image) + b"\n" for image in prediction.per_image)


def _parameters(content: Any) -> dict[str, Any]:
    if content is not None and not isinstance(content, dict):
        raise RequestError(
            '"parameters" is no object; it is {"output": "mask", "threshold": 0.5}; see the options'
        )
    return content or {}


def _check_line(shape: tuple[int, ...], number: int, first: tuple[int, ...]) -> None:
    if len(shape) == 4 or shape != first:
        raise RequestError(
            f"line {number} is {times(shape)}, line 1 is {times(first)}; each line holds one "
            "image, H×W or H×W×C, and all have one size; send images of other sizes in requests "
            "of their own"
        )


def _parse_json(text: bytes | str, where: str) -> Any:
    nesting.check(text)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        if isinstance(text, (bytes, bytearray)):
            _check_utf8(text)
        raise RequestError(
            f"{where} is not JSON: {exc}; send a nested array of numbers 0–255 (NaN and Infinity "
            "are not JSON)"
        ) from exc


def _check_utf8(body: bytes) -> None:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise no_utf8(exc) from exc


def no_utf8(exc: UnicodeDecodeError) -> RequestError:
    """The refusal of text in another encoding."""
    return RequestError(f"body is not UTF-8: {exc}; text must be sent in UTF-8")


def _numbers(content: Any, where: str) -> np.ndarray:
    """Nested lists of numbers -> uint8, float32 or float64 array of 2 to 4 axes."""
    array = _eight_bits(content)
    if array is None:
        array = _any_numbers(content, where)
    return array


def _eight_bits(content: Any) -> np.ndarray | None:
    """Images of whole numbers 0–255, by far the most usual, much faster than by numpy.asarray.

    Returns:
        uint8 of 2 to 4 axes; None where the content is anything else.
    """
    shape: list[int] = []
    lists = [content]  # all those of one depth
    while len(shape) < MAX_AXES:
        if {*map(type, lists)} != {list}:
            return None
        lengths = {*map(len, lists)}
        if len(lengths) > 1 or 0 in lengths:
            return None
        shape += lengths
        first = lists[0][0]
        if type(first) is int:  # True is an int, too
            return _from_bytes(lists, shape)
        if type(first) is not list:
            return None
        lists = list(chain.from_iterable(lists))
    return None


def _from_bytes(rows: list[list], shape: list[int]) -> np.ndarray | None:
    """All rows as one array of that shape; None unless they hold whole numbers 0–255 alone."""
    if len(shape) < MIN_AXES:
        return None
    if shape[-1] <= MAX_COLOUR_CHANNELS:  # the rows are pixels: too many to convert one by one
        rows = [list(chain.from_iterable(rows))]
    try:
        data = b"".join(map(bytes, rows))
    except (TypeError, ValueError):  # bytes() takes no fraction, and nothing outside 0–255
        return None
    return np.frombuffer(data, np.uint8).reshape(shape)


def _any_numbers(content: Any, where: str) -> np.ndarray:
    """Nested lists of any numbers -> float32 or float64 array of 2 to 4 axes."""
    try:
        array = np.asarray(content)
    except ValueError as exc:
        raise RequestError(
            f"{where} is ragged; rows must have one length, images one size; pad or split it"
        ) from exc
    if array.size and array.dtype.kind not in "iuf":
        raise RequestError(
            f"{where} holds something that is no number; images are nested arrays of numbers "
            '0–255, or a file in base64, {"b64": "…"}; convert it'
        )
    check_shape(array.shape, where)
    low, high = array.min(), array.max()
    largest = np.finfo(np.float32).max
    if low < -largest or high > largest:
        raise RequestError(
            f"{where} has values from {low:g} to {high:g}; such numbers are no intensities; send "
            "the values of the image"
        )
    return compact(array)


def compact(numbers: np.ndarray) -> np.ndarray:
    """The numbers in float32; in float64 where they are so large that digits would be lost."""
    large = numbers.size and max(-numbers.min(), numbers.max()) > EXACT
    return numbers.astype(np.float64 if large else np.float32)


def dumps(array: np.ndarray) -> bytes:
    """An array as JSON."""
    return orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
