"""The description of the HTTP API, in OpenAPI 3.1, made of the tables that the server is made of.

https://spec.openapis.org/oas/v3.1.1
"""

import tomllib
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from segmentation import errors
from segmentation.answers import ANSWERS
from segmentation.channels import MAX_CHANNELS
from segmentation.wire import media_types, options
from segmentation.wire.body import CODINGS
from segmentation.wire.formats import FORMATS, OFFERS, READERS
from serving.headers import ANSWER, CUSTOM_ATTRIBUTES
from serving.statuses import status_of

FILES = {"single-model.json": False, "multi-model.json": True}  # and whether models come and go
PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
LONGEST_NAME = 200  # characters of a model's name, as ModelRequests.java has it

# of Java, before a worker sees a request: each is a kind of Refusal.java
REFUSALS = (400, 403, 404, 405, 408, 413, 417, 431, 503)
# what may become of a request in a worker
OF_REQUESTS = (
    errors.RequestError,
    errors.NotAcceptable,
    errors.PayloadTooLarge,
    errors.UnsupportedMediaType,
    errors.OutOfMemory,
    errors.OutOfTime,
    errors.SegmentationError,
)

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
        "description": "8: the average over the flips and quarter turns.",
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


def description(multi_model: bool) -> dict[str, Any]:
    """The description of a server.

    Args:
        multi_model: whether models are loaded and unloaded while it runs.
    """
    one = {"/invocations": {"post": _invocation("segment", [])}}
    paths = _of_all() | (_of_many_models() if multi_model else one)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "unet-inference",
            "version": tomllib.loads(PROJECT.read_text())["project"]["version"],
            "summary": "A segmentation network behind an HTTP endpoint: images in, masks out.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": _schemas(), "headers": _headers()},
    }


def _of_all() -> dict[str, Any]:
    return {
        "/ping": _get(
            "ping",
            "Whether a request would be served now",
            {"200": _json("Yes.", _object(status={"const": "Healthy"}))},
        ),
        "/execution-parameters": _get(
            "executionParameters",
            "What a batch transform job of SageMaker may send",
            {
                "200": _json(
                    "As SageMaker reads it.",
                    _object(
                        MaxConcurrentTransforms={"type": "integer", "minimum": 1},
                        BatchStrategy={"const": "SINGLE_RECORD"},
                        MaxPayloadInMB={"type": "integer", "minimum": 1},
                    ),
                )
            },
        ),
        "/openapi.json": _get(
            "describe", "This description", {"200": _json("OpenAPI 3.1.", {"type": "object"})}
        ),
    }


def _of_many_models() -> dict[str, Any]:
    name = {
        "name": "model_name",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": r"^[^/\x00-\x1f\x7f-\x9f]+$"},
    }
    model = _object(modelName={"type": "string"}, modelUrl={"type": "string"})
    listing = _object(models={"type": "array", "items": model})
    listing["properties"]["nextPageToken"] = {"type": "string"}
    status = _object(status={"type": "string"})
    links = {
        name: {"operationId": name, "parameters": {"model_name": "$request.body#/model_name"}}
        for name in ("describeModel", "unloadModel")
    }
    loaded = _json("It is loaded.", status) | {"links": links}
    return {
        "/models": _get("listModels", "Which models are loaded", {"200": _json("A page.", listing)})
        | {
            "post": {
                "operationId": "loadModel",
                "summary": "Load a model",
                "requestBody": {
                    "required": True,
                    "content": {media_types.JSON: {"schema": _asked()}},
                },
                "responses": {"200": loaded} | _errors(*REFUSALS, 409, 500, 507),
            }
        },
        "/models/{model_name}": {
            "parameters": [name],
            **_get("describeModel", "A model", {"200": _json("What MMS says of it.", model)}),
            "delete": {
                "operationId": "unloadModel",
                "summary": "Unload a model, and free its memory",
                "responses": {"200": _json("It is gone.", status)} | _errors(*REFUSALS, 500),
            },
        },
        "/models/{model_name}/invoke": {"post": _invocation("segmentBy", [name])},
    }


def _asked() -> dict[str, Any]:
    """What loads a model."""
    return _object(
        model_name={
            "type": "string",
            "maxLength": LONGEST_NAME,
            "pattern": r"^[^/\x00-\x1f\x7f-\x9f\s.][^/\x00-\x1f\x7f-\x9f]*$",
        },
        url={
            "type": "string",
            "pattern": r"^/[^/\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
            "description": "The absolute path of the model's folder on the server.",
        },
    ) | {"additionalProperties": False}


def _get(name: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    operation = {"operationId": name, "summary": summary}
    return {"get": operation | {"responses": responses | _errors(*REFUSALS)}}


def _invocation(name: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    statuses = {*REFUSALS, *map(_code, OF_REQUESTS)}
    return {
        "operationId": name,
        "summary": "Segment an image, or a stack of images",
        "parameters": [*parameters, *_options(), *_request_headers()],
        "requestBody": {"required": True, "content": _bodies()},
        "responses": {"200": _answer(), **_errors(*statuses)},
    }


def _options() -> list[dict[str, Any]]:
    """The options, as parameters of the query string."""
    return [{"name": key, "in": "query", "schema": OPTIONS[key]} for key in options.PARSERS]


def _request_headers() -> list[dict[str, Any]]:
    attributes = {
        "name": CUSTOM_ATTRIBUTES,
        "in": "header",
        "description": "The same options, as key=value pairs between commas; they win.",
        "schema": {"type": "string"},
        "example": "output=overlay, threshold=0.4",
    }
    encoding = {
        "name": "Content-Encoding",
        "in": "header",
        "description": "What the body is compressed with.",
        "schema": {"type": "string", "enum": ["identity", *CODINGS]},
    }
    return [attributes, encoding]


def _bodies() -> dict[str, Any]:
    """What images are read from, by media type."""
    bodies: dict[str, Any] = {name: {"schema": BINARY} for name in READERS}
    bodies[media_types.JSON] = {"schema": {"$ref": "#/components/schemas/Images"}}
    for name in (media_types.JSONLINES, media_types.CSV):
        bodies[name] = {"schema": {"type": "string", "minLength": 1}}
    bodies["application/octet-stream"] = {"schema": BINARY}
    file = {"file": {"type": "string", "format": "binary"}}
    bodies[media_types.FORM] = {
        "schema": {"type": "object", "properties": file | OPTIONS, "required": list(file)}
    }
    return bodies


def _answer() -> dict[str, Any]:
    names = {known.media_type: known.name for known in (*FORMATS, *OFFERS)}
    content: dict[str, Any] = {name: {"schema": BINARY} for name in names}
    content[media_types.JSON] = {"schema": {"type": ["array", "object"]}}
    content[media_types.GEOJSON] = {"schema": {"$ref": "#/components/schemas/Outlines"}}
    headers = ("Warning", CUSTOM_ATTRIBUTES, ANSWER, "X-Request-Id")
    return {
        "description": "The answer, in a format that Accept asks for, or in that of the request.",
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
        "content": content,
    }


def _json(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": text,
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
        "content": {media_types.JSON: {"schema": schema}},
    }


def _errors(*codes: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {str(code): _json(HTTPStatus(code).phrase, schema) for code in sorted({*codes})}


def _code(kind: type[errors.SegmentationError]) -> int:
    return int(status_of(kind).code)


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _headers() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "X-Request-Id": {"required": True, "description": "As the log has it.", "schema": text},
        "Warning": {"description": "What had to be assumed to read the image.", "schema": text},
        CUSTOM_ATTRIBUTES: {"description": "The same, for clients of SageMaker.", "schema": text},
        ANSWER: {"description": "What it was made of, in JSON: docs/api.md.", "schema": text},
    }


def _schemas() -> dict[str, Any]:
    plane = {"type": "array", "minItems": 1, "items": NUMBERS}
    stack = {"type": "array", "minItems": 1, "items": plane}
    images = [plane, stack, {"type": "array", "minItems": 1, "items": stack}]
    file = _object(b64={"type": "string", "minLength": 1, "contentEncoding": "base64"})
    files = {"type": "array", "minItems": 1, "items": file}
    parameters = {"type": "object", "properties": OPTIONS, "additionalProperties": False}
    named = _object(instances={"anyOf": [*images, file, files]})
    named["properties"]["parameters"] = parameters
    arrays = "H×W, H×W×C, N×H×W or N×H×W×C; rows have one length, images one size."
    outlines = _object(type={"const": "FeatureCollection"}, features={"type": "array"})
    error = _object(
        code={"type": "integer", "description": "The status."},
        type={"type": "string"},
        message={"type": "string", "description": "What came, the rule, and the remedy."},
    )
    images_schema = {"description": arrays, "anyOf": [*images, named]}
    return {"Images": images_schema, "Outlines": outlines, "Error": error}
