"""Requests of every kind, on which two versions of the server are compared."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from images import EMBEDDED
from segmentation.answers import ANSWERS
from segmentation.wire.formats import BY_MEDIA_TYPE
from segmentation.wire.media_types import (
    ANY,
    ANY_IMAGE,
    CSV,
    JPEG,
    JSON,
    JSONLINES,
    NPY,
    NPZ,
    PNG,
    TIFF,
)
from support import bodies, tiny_models
from support.bad_bodies import BAD
from support.bodies import GRAY, RGB, STACK

ACCEPTS = (None, ANY, *BY_MEDIA_TYPE)
ODD_ACCEPTS = (
    "text/html",
    "image/*",
    "IMAGE/PNG",
    "text/html, image/*;q=0.2, Application/X-NPY;q=0.7",
    "image/png;q=0",
    "image/png;q=x, application/json",
    ";;",
)
ODD_TYPES = ("Image/PNG", "image/png; charset=utf-8", "image/jpg", "image/tif", "text/plain")
ATTRIBUTES = (
    "threshold=0.9",
    "output=overlay, threshold=0.1",
    "output=everything",
    "threshold=2",
    "threshold=nan",
    "threshold=x",
    "size=9",
    "augment=8",
    "augment=3",
    "threshold=0.1, threshold=0.2",
    "output=probability, augment=8, threshold=0.3",
    ",output = mask,,",
)


@dataclass(frozen=True)
class Case:
    """One request.

    Attributes:
        name: what is particular about it.
        path, body, headers, method: of the request, in multi-model mode.
    """

    name: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"


def save_models(folder: Path) -> dict[str, Path]:
    """Directories of models by name: the embedded one, and some whose answers are exact."""
    return {
        "embedded": EMBEDDED,
        "gray": tiny_models.save(tiny_models.identity(), folder / "gray"),
        "fixed": tiny_models.save(tiny_models.identity((32, 32)), folder / "fixed"),
        "rgb": tiny_models.save(tiny_models.mean_of_rgb(), folder / "rgb"),
        "classes": tiny_models.save(tiny_models.five_classes(), folder / "classes"),
    }


def cases() -> Iterator[Case]:
    """Every format both ways with every output, the sample, odd headers, and what is refused."""
    yield from _formats("gray", _plane(GRAY))
    yield from _formats("gray", _stack(STACK))
    yield from _formats("fixed", _plane(_noise(70, 45)))
    yield from _formats("rgb", _channels(RGB))
    yield from _formats("classes", {PNG: bodies.png(GRAY), NPY: bodies.npy(STACK)})
    yield from _formats("embedded", {PNG: (EMBEDDED / "sample.png").read_bytes()})
    yield from _odd_headers()
    for name, (body, content_type, *_) in BAD.items():
        yield _case(name, "gray", body, content_type)
    for path in ("/ping", "/execution-parameters", "/models", "/models/none", "/nowhere"):
        yield Case(f"GET {path}", path, method="GET")
    yield _case("an unknown model", "none", bodies.png(GRAY), PNG)
    yield _case("an RGB image", "gray", bodies.png(RGB), PNG)
    yield _case("a gray image", "rgb", bodies.png(GRAY), PNG)


def _formats(model: str, made: dict[str, bytes]) -> Iterator[Case]:
    for content_type, body in made.items():
        for output in ANSWERS:
            for accept in ACCEPTS:
                name = f"{content_type} as {output} in {accept}"
                yield _case(name, model, body, content_type, accept, f"output={output}")


def _odd_headers() -> Iterator[Case]:
    body = bodies.png(GRAY)
    for accept in ODD_ACCEPTS:
        yield _case(f"Accept {accept!r}", "gray", body, PNG, accept)
    for content_type in ODD_TYPES:
        yield _case(f"Content-Type {content_type!r}", "gray", body, content_type)
    for attributes in ATTRIBUTES:
        for model in ("gray", "classes"):
            yield _case(f"attributes {attributes!r}", model, body, PNG, None, attributes)


def _case(
    name: str,
    model: str,
    body: bytes,
    content_type: str | None,
    accept: str | None = None,
    attributes: str | None = None,
) -> Case:
    headers = {
        "Content-Type": content_type,
        "Accept": accept,
        "X-Amzn-SageMaker-Custom-Attributes": attributes,
    }
    sent = {key: value for key, value in headers.items() if value is not None}
    return Case(f"{model}: {name}", f"/models/{model}/invoke", body, sent)


def _plane(image: np.ndarray) -> dict[str, bytes]:
    return {
        JSON: bodies.json_array(image),
        CSV: bodies.csv(image),
        NPY: bodies.npy(image),
        NPZ: bodies.npz(image),
        PNG: bodies.png(image),
        JPEG: bodies.jpeg(image),
        TIFF: bodies.tiff(image.astype(np.uint16) * 257),
        ANY_IMAGE: bodies.png(image),
    }


def _stack(images: np.ndarray) -> dict[str, bytes]:
    return {
        JSON: bodies.json_instances(images),
        JSONLINES: bodies.jsonlines(images),
        NPY: bodies.npy(images.astype(np.float32) / 255),
        NPZ: bodies.npz(instances=images),
        TIFF: bodies.tiff(images),
    }


def _channels(image: np.ndarray) -> dict[str, bytes]:
    return {
        JSON: bodies.json_array(image),
        JSONLINES: bodies.jsonlines(image[None]),
        NPY: bodies.npy(np.stack([image, 255 - image])),
        PNG: bodies.png(image),
        TIFF: bodies.tiff(image),
    }


def _noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)
