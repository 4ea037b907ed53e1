"""Parts of the description of the HTTP API: what goes over the wire, as JSON Schema."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from segmentation import errors
from segmentation.answers import ANSWERS
from segmentation.channels import MAX_CHANNELS
from segmentation.wire import media_types, options
from serving.headers import ANSWER, CUSTOM_ATTRIBUTES
from serving.statuses import status_of

OPTIONS: dict[str, dict[str, Any]] = {
    "output": {"type": "string", "enum": list(ANSWERS), "default": "mask"},
    "threshold": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "description": "Where the probability is larger there is foreground.",
    },
    "augment": {
        "type": "integer",
        "enum": [int(number) for number in options.AUGMENTS],
        "description": "8: the upper median over flips and turns; of two classes the median, "
        "of more the mean.",
    },
    "channel": {
        "type": "integer",
        "minimum": 0,
        "maximum": 999_999_999,
        "description": "The channel of the image that the network sees, counted from 0.",
    },
    "channels": {
        "type": "string",
        "pattern": rf"^[0-9]{{1,9}}(,[0-9]{{1,9}}){{0,{MAX_CHANNELS - 1}}}$",
        "description": "Several of them, in this order, as many as the network takes.",
        "example": "0,2",
    },
    "range": {
        "type": "string",
        "description": "Which stored values are black and white: 4095, 100:4095, or 1%:99.8%.",
        "example": "100:4095",
    },
    "minimum": {
        "type": "integer",
        "minimum": 0,
        "maximum": 999_999_999,
        "description": "Objects of fewer pixels are left out.",
    },
}

NUMBERS = {"type": "array", "minItems": 1, "items": {"type": "number"}}
BINARY: dict[str, Any] = {}  # any bytes: OpenAPI 3.1 says no more of them


def in_json(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": text,
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
        "content": {media_types.JSON: {"schema": schema}},
    }


def refusals(*codes: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {str(code): in_json(HTTPStatus(code).phrase, schema) for code in sorted({*codes})}


def status_code(kind: type[errors.SegmentationError]) -> int:
    return int(status_of(kind).code)


def record(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def headers() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "X-Request-Id": {"required": True, "description": "As the log has it.", "schema": text},
        "Warning": {"description": "What had to be assumed to read the image.", "schema": text},
        CUSTOM_ATTRIBUTES: {"description": "The same, for clients of SageMaker.", "schema": text},
        ANSWER: {"description": "What it was made of, in JSON: docs/api.md.", "schema": text},
    }


def schemas() -> dict[str, Any]:
    plane = {"type": "array", "minItems": 1, "items": NUMBERS}
    stack = {"type": "array", "minItems": 1, "items": plane}
    images = [plane, stack, {"type": "array", "minItems": 1, "items": stack}]
    file = record(b64={"type": "string", "minLength": 1, "contentEncoding": "base64"})
    files = {"type": "array", "minItems": 1, "items": file}
    parameters = {"type": "object", "properties": OPTIONS, "additionalProperties": False}
    named = record(instances={"anyOf": [*images, file, files]})
    named["properties"]["parameters"] = parameters
    arrays = "H×W, H×W×C, N×H×W or N×H×W×C; rows have one length, images one size."
    outlines = record(type={"const": "FeatureCollection"}, features={"type": "array"})
    error = record(
        code={"type": "integer", "description": "The status."},
        type={"type": "string"},
        message={"type": "string", "description": "What came, the rule, and the remedy."},
    )
    images_schema = {"description": arrays, "anyOf": [*images, named]}
    return {"Images": images_schema, "Outlines": outlines, "Error": error}
