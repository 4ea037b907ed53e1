"""The corpus that fuzzing begins with: sound files of every format that is read, small ones, and
some that are large once they are decoded.

They are written here by this project's own writers and by the libraries that it reads with; a
folder of other files may be added. All of them are the same in every run.
"""

import base64
import functools
import gzip
import hashlib
import io
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segmentation.images import from_array
from segmentation.running import returned
from segmentation.spec import ModelSpec
from segmentation.wire import formats, media_types
from segmentation.wire.encoding import encode

from . import seeds_of_pictures, seeds_of_tiff
from .pixels import GRAY, LARGE, RGB, STACK

BOUNDARY = "seed"
OUTPUTS = ("mask", "probability", "labels", "overlay")  # answers that are images


@dataclass(frozen=True)
class Seed:
    """A sound body.

    Attributes:
        kind: what it is counted as; the first word names its format.
        media_type: of it.
        body: its bytes.
        encoding: Content-Encoding, or "".
    """

    kind: str
    media_type: str
    body: bytes
    encoding: str = ""


def corpus(folder: Path | None = None) -> list[Seed]:
    """All sound bodies, and the files of a folder that are of a known suffix."""
    return [*_own(), *(_files(folder) if folder else [])]


@functools.cache
def _own() -> tuple[Seed, ...]:
    found = [*_arrays(), *_texts(), *_large(), *_answers()]
    for kind, media_type, body in (*seeds_of_pictures.all_of_them(), *seeds_of_tiff.all_of_them()):
        found.append(Seed(kind, media_type, body))
    return (*found, *_wrapped(found))


def digest(seeds: list[Seed]) -> str:
    """What tells one corpus from another."""
    told = hashlib.sha256()
    for seed in seeds:
        told.update(f"{seed.kind}/{seed.media_type}/{seed.encoding}/{len(seed.body)}/".encode())
        told.update(seed.body)
    return told.hexdigest()[:16]


def npy(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    return file.getvalue()


def npz(compressed: bool = True, **arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def _arrays() -> Iterator[Seed]:
    for array in (
        GRAY,
        STACK,
        RGB,
        GRAY.astype(">u2") * 257,
        GRAY > 100,
        (GRAY / 255).astype(np.float32),
        (GRAY / 255).astype(np.float16),
        GRAY / 255,
        np.asfortranarray(STACK),
        GRAY.astype(np.int64),
    ):
        yield Seed("NPY", media_types.NPY, npy(array))
        yield Seed("NPZ", media_types.NPZ, npz(instances=array))
    yield Seed("NPY", media_types.NPY, npy(GRAY, (2, 0)))
    yield Seed("NPZ", media_types.NPZ, npz(False, instances=GRAY, other=RGB))


def _texts() -> Iterator[Seed]:
    file = {"b64": base64.b64encode(npy(GRAY)).decode()}
    png = formats.BY_MEDIA_TYPE[media_types.PNG]
    picture = {"b64": base64.b64encode(png.encode(_prediction("mask"))).decode()}
    for content in (
        GRAY.tolist(),
        {"instances": STACK.tolist()},
        {"instances": RGB.tolist(), "parameters": {"output": "labels", "range": "0:255"}},
        (GRAY / 255).round(3).tolist(),
        {"instances": [file, file]},
        {"instances": {"image": picture}, "parameters": {"threshold": 0.4}},
        {"instances": "data:image/png;base64," + picture["b64"]},
    ):
        yield Seed("JSON", media_types.JSON, json.dumps(content).encode())
    lines = "".join(json.dumps(image.tolist()) + "\n" for image in STACK)
    yield Seed("JSONLines", media_types.JSONLINES, lines.encode())
    for separator, end in ((",", "\n"), (", ", "\r\n"), (",", "\r")):
        rows = (separator.join(map(str, row)) + end for row in GRAY.tolist())
        yield Seed("CSV", media_types.CSV, "".join(rows).encode())


def _large() -> Iterator[Seed]:
    """Those of few bytes and many pixels, which show what a decoder takes."""
    yield Seed("Large", media_types.NPZ, npz(instances=LARGE))
    yield Seed("Large", media_types.NPZ, npz(instances=LARGE.astype(np.float64)))
    yield Seed("Large", media_types.NPY, gzip.compress(npy(LARGE), mtime=0), "gzip")
    text = json.dumps(LARGE[:300, :300].tolist()).encode()
    yield Seed("Large", media_types.JSON, gzip.compress(text, mtime=0), "gzip")
    yield Seed("Large", media_types.CSV, (b",".join([b"7"] * 400) + b"\n") * 300)
    for media_type, body in (*seeds_of_pictures.large(), *seeds_of_tiff.large()):
        yield Seed("Large", media_type, body)


def _prediction(output: str, stack: bool = False):
    images = from_array(STACK if stack else GRAY).for_channels(1)
    probabilities = images.intensities(images.batch)
    return returned.prediction(probabilities, images, ModelSpec(), output)


def _answers() -> Iterator[Seed]:
    """What this server answers, in every format that it also reads."""
    for output, stack in itertools.product(OUTPUTS, (False, True)):
        prediction = _prediction(output, stack)
        for format in formats.FORMATS:
            if format.holds(prediction):
                body, media_type = encode(prediction, format.media_type)
                yield Seed(format.name.replace(" ", ""), media_type, body)


def form(file: bytes, filename: str, media_type: str, fields: dict[str, str]) -> bytes:
    """A form with one file, its boundary BOUNDARY."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        f"Content-Type: {media_type}\r\n\r\n"
    )
    return "".join(parts).encode() + head.encode() + file + f"\r\n--{BOUNDARY}--\r\n".encode()


def _wrapped(plain: list[Seed]) -> list[Seed]:
    """Some of the others in forms and in codings."""
    firsts = {seed.kind: seed for seed in reversed(plain) if seed.kind != "Large"}.values()
    wrapped = []
    for seed in firsts:
        body = form(seed.body, "image", seed.media_type, {"output": "mask", "threshold": "0.4"})
        wrapped.append(Seed("Form", f"multipart/form-data; boundary={BOUNDARY}", body))
        packed = gzip.compress(seed.body, mtime=0)
        wrapped.append(Seed("Gzip", seed.media_type, packed, "gzip"))
    return wrapped


def _files(folder: Path) -> list[Seed]:
    found = []
    for path in sorted(folder.rglob("*")):
        reader = formats.BY_SUFFIX.get(path.suffix.lower())
        if reader and path.is_file():
            kind = f"{reader.name.replace(' ', '')} files"
            found.append(Seed(kind, reader.media_type, path.read_bytes()))
    return found
