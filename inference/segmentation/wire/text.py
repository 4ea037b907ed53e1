"""JSON, JSON Lines and CSV: numbers from 0 to 255 in requests; the values of the answer.

https://www.rfc-editor.org/rfc/rfc8259, https://jsonlines.org, https://www.rfc-editor.org/rfc/rfc4180
"""

from itertools import chain
from typing import Any

import numpy as np
import orjson

from ..answers import Prediction
from ..channels import MAX_COLOUR_CHANNELS, times
from ..errors import RequestError
from ..images import Images, check_shape
from . import media_types
from .format import Format

MIN_AXES, MAX_AXES = 2, 4  # of images: H×W, N×H×W×C


class Json(Format):
    """Nested arrays; a request may have them under ``"instances"``."""

    name = "JSON"
    media_type = media_types.JSON
    suffixes = (".json",)
    place = 5

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
        pixels = _numbers(content, "array")
        return Images(pixels, None, "", self.media_type, text=True, parameters=parameters)

    def encode(self, prediction: Prediction) -> bytes:
        return _dumps(np.asarray(prediction))


class JsonLines(Format):
    """One image a line, as a nested array."""

    name = "JSON Lines"
    media_type = media_types.JSONLINES
    aliases = ("application/x-jsonlines", "application/jsonl", "application/x-ndjson")
    suffixes = (".jsonl",)
    place = 6

    def decode(self, body: bytes | str, max_pixels: int) -> Images:
        lines = [line for line in body.splitlines() if line.strip()]
        if not lines:
            raise RequestError(
                "body has no line; JSON Lines holds one image a line; send at least one"
            )
        images: list[np.ndarray] = []
        for number, line in enumerate(lines, start=1):
            image = _numbers(_parse_json(line, f"line {number}"), f"line {number}")
            images.append(image)
            _check_line(image.shape, number, images[0].shape)
        stack = np.stack(images)
        axes = "NHW" if stack.ndim == 3 else "NHWC"
        return Images(stack, None, axes, self.media_type, text=True)

    def encode(self, prediction: Prediction) -> bytes:
        return b"".join(_dumps(image) + b"\n" for image in prediction.per_image)


class Csv(Format):
    """One image, a row a line."""

    name = "CSV"
    media_type = media_types.CSV
    suffixes = (".csv",)
    many_planes = False
    place = 7

    def decode(self, body: bytes | str, max_pixels: int) -> Images:
        text = body if isinstance(body, str) else _utf8(body)
        lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip()]
        if not lines:
            raise RequestError(
                "body has no row; CSV holds one image, a row a line; send at least one"
            )
        try:
            image = np.loadtxt(lines, np.float32, delimiter=",", comments=None, ndmin=2)
        except ValueError as exc:
            raise RequestError(
                f"CSV cannot be read: {exc}; every line is a row of the image, numbers 0–255 "
                "between commas, all rows of one length, no header; mend that row"
            ) from exc
        return Images(image, None, "HW", self.media_type, text=True)

    def encode(self, prediction: Prediction) -> bytes:
        [image] = prediction.per_image
        return b"".join(_dumps(row)[1:-1] + b"\n" for row in image)  # [1,2] -> 1,2


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
    try:
        return orjson.loads(text if isinstance(text, str) else _utf8(text))
    except orjson.JSONDecodeError as exc:
        raise RequestError(
            f"{where} is not JSON: {exc}; send a nested array of numbers 0–255 (NaN and Infinity "
            "are not JSON)"
        ) from exc


def _utf8(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise RequestError(f"body is not UTF-8: {exc}; text must be sent in UTF-8") from exc


def _numbers(content: Any, where: str) -> np.ndarray:
    """Nested lists of numbers 0–255 -> uint8 or float32 array of 2 to 4 axes."""
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
    """Nested lists of numbers 0–255, whole or not -> float32 array of 2 to 4 axes."""
    try:
        array = np.asarray(content)
    except ValueError as exc:
        raise RequestError(
            f"{where} is ragged; rows must have one length, images one size; pad or split it"
        ) from exc
    if array.size and array.dtype.kind not in "iuf":
        raise RequestError(
            f"{where} holds something that is no number; images are nested arrays of numbers "
            "0–255; convert it"
        )
    check_shape(array.shape, where)
    return array.astype(np.float32)


def _dumps(array: np.ndarray) -> bytes:
    return orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
