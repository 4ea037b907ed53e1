"""The description of the HTTP API, in OpenAPI 3.1, made of the tables that the server is made of.

https://spec.openapis.org/oas/v3.1.1
"""

import tomllib
from pathlib import Path
from typing import Any

from lib.openapi_schemas import (
    BINARY,
    OPTIONS,
    headers,
    in_json,
    record,
    refusals,
    schemas,
    status_code,
)
from segmentation import errors
from segmentation.wire import media_types, options
from segmentation.wire.body import CODINGS
from segmentation.wire.formats import FORMATS, OFFERS, READERS
from serving.headers import ANSWER, CUSTOM_ATTRIBUTES, INFERENCE_ID

FILES = {"single-model.json": False, "multi-model.json": True}  # and whether models come and go
PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
LONGEST_NAME = 200  # characters of a model's name, as ModelRequests.java has it

# of Java, before a worker sees a request: each is a kind of Refusal.java
REFUSALS = (400, 403, 404, 405, 408, 413, 417, 431, 503)
REFUSALS_OF_CHANGES = (*REFUSALS, 409)  # of models: loading and unloading
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
        "components": {"schemas": schemas(), "headers": headers()},
    }


def _of_all() -> dict[str, Any]:
    id = {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    }
    count = {"type": "integer", "minimum": 0}
    none = {
        "description": "Nothing is known: it waits, or is answered, or nobody sent it.",
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
    }
    done = in_json("It is being computed.", record(tiles_done=count, tiles=count))
    return {
        "/progress/{id}": {"parameters": [id]}
        | _get("progress", "How much of a request is done", {"200": done, "204": none}),
        "/ping": _get(
            "ping",
            "Whether a request would be served now",
            {"200": in_json("Yes.", record(status={"const": "Healthy"}))},
        ),
        "/execution-parameters": _get(
            "executionParameters",
            "What a batch transform job of SageMaker may send",
            {
                "200": in_json(
                    "As SageMaker reads it.",
                    record(
                        MaxConcurrentTransforms={"type": "integer", "minimum": 1},
                        BatchStrategy={"const": "SINGLE_RECORD"},
                        MaxPayloadInMB={"type": "integer", "minimum": 1},
                    ),
                )
            },
        ),
        "/openapi.json": _get(
            "describe",
            "This description",
            {"200": in_json("OpenAPI 3.1.", {"type": "object"})},
        ),
    }


def _of_many_models() -> dict[str, Any]:
    name = {
        "name": "model_name",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": r"^[^/\x00-\x1f\x7f-\x9f]+$"},
    }
    model = record(modelName={"type": "string"}, modelUrl={"type": "string"})
    listing = record(models={"type": "array", "items": model})
    listing["properties"]["nextPageToken"] = {"type": "string"}
    status = record(status={"type": "string"})
    links = {
        name: {"operationId": name, "parameters": {"model_name": "$request.body#/model_name"}}
        for name in ("describeModel", "unloadModel")
    }
    loaded = in_json("It is loaded.", status) | {"links": links}
    listed = _get("listModels", "Which models are loaded", {"200": in_json("A page.", listing)})
    listed["get"]["parameters"] = _pages()
    return {
        "/models": {
            **listed,
            "post": {
                "operationId": "loadModel",
                "summary": "Load a model",
                "requestBody": {
                    "required": True,
                    "content": {media_types.JSON: {"schema": _asked()}},
                },
                "responses": {"200": loaded} | refusals(*REFUSALS_OF_CHANGES, 500, 507),
            },
        },
        "/models/{model_name}": {
            "parameters": [name],
            **_get("describeModel", "A model", {"200": in_json("What MMS says of it.", model)}),
            "delete": {
                "operationId": "unloadModel",
                "summary": "Unload a model, and free its memory",
                "responses": {"200": in_json("It is gone.", status)}
                | refusals(*REFUSALS_OF_CHANGES, 500),
            },
        },
        "/models/{model_name}/invoke": {"post": _invocation("segmentBy", [name])},
    }


def _pages() -> list[dict[str, Any]]:
    """Which of the models are listed."""
    limit = {"type": "integer", "minimum": 1, "maximum": 999_999_999, "default": 100}
    token = {
        "type": "string",
        "pattern": "^[0-9]{1,9}$",
        "description": "The nextPageToken of the page before.",
    }
    schemas = {"limit": limit, "next_page_token": token}
    return [{"name": name, "in": "query", "schema": schema} for name, schema in schemas.items()]


def _asked() -> dict[str, Any]:
    """What loads a model."""
    return record(
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
    return {"get": operation | {"responses": responses | refusals(*REFUSALS)}}


def _invocation(name: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    statuses = {*REFUSALS, *map(status_code, OF_REQUESTS)}
    return {
        "operationId": name,
        "summary": "Segment an image, or a stack of images",
        "parameters": [*parameters, *_options(), *_request_headers()],
        "requestBody": {"required": True, "content": _bodies()},
        "responses": {"200": _answer(), **refusals(*statuses)},
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
    called = {
        "name": INFERENCE_ID,
        "in": "header",
        "description": "What `/progress/ID` is asked by while the request is computed.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    }
    return [attributes, encoding, called]


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
