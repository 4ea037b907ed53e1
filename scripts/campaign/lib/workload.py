"""The requests of a soak: images of many sizes in many formats, and the masks that they must get.

The masks are computed before, by the library, in a process of its own.
"""

import base64
import gzip
import io
import json
import multiprocessing
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
import tifffile
from PIL import Image

from segmentation.testing import Answer
from segmentation.wire import media_types

from .seeds import BOUNDARY, form, npy, npz

SIZES = ((32, 32), (48, 71), (97, 64), (128, 100))
VARIANTS = 3  # images of each size, so that masks which are exchanged are seen
MEDIUM = (256, 300)
LARGE = (560, 520)
STACK = (3, 72, 80)
MANY_FORMATS = 128 * 100  # pixels; larger images are sent in two formats alone
THRESHOLDS = {"a": 0.25, "b": 0.8, "c": 0.5}  # of the models of one server


@dataclass(frozen=True)
class Request:
    """One of the requests that clients send again and again.

    Attributes:
        name: of its size and format.
        path: of the address.
        headers, body: of it.
        mask: what it must be answered, uint8 (H, W) or (N, H, W); None: an error.
        status: of the answer.
    """

    name: str
    path: str
    headers: dict[str, str]
    body: bytes
    mask: np.ndarray | None
    status: int = 200

    def is_right(self, status: int, media_type: str, answer: bytes) -> bool:
        """Whether an answer is the one that it must be."""
        if status != self.status:
            return False
        if self.mask is None:
            return json.loads(answer)["code"] == status
        array = Answer(status, media_type, answer).array()
        return array.shape == self.mask.shape and bool((array == self.mask).all())


@dataclass(frozen=True)
class Workload:
    """What is asked of one server.

    Attributes:
        requests: by the name of the model; "" where there is one alone.
    """

    requests: dict[str, list[Request]] = field(default_factory=dict)

    def choose(self, random: Random, model: str) -> Request:
        return random.choice(self.requests[model])


def images(sample: Path) -> list[np.ndarray]:
    """uint8 (H, W) or (N, H, W), all different, cut from a sample."""
    with Image.open(sample) as picture:
        whole = np.asarray(picture)
    random, found = Random(0), []
    for size in SIZES:
        for number in range(VARIANTS):
            found.append(_cut(whole, size, random, turned=number % 2 == 1))
    found.append(_cut(whole, MEDIUM, random, turned=False))
    found.append(np.pad(whole, ((0, LARGE[0] - 512), (0, LARGE[1] - 512)), mode="reflect"))
    stack = [_cut(whole, STACK[1:], random, turned=False) for _ in range(STACK[0])]
    return [*found, np.stack(stack)]


def _cut(whole: np.ndarray, size: tuple[int, ...], random: Random, turned: bool) -> np.ndarray:
    top, left = (random.randint(0, 512 - length) for length in size)
    part = whole[top : top + size[0], left : left + size[1]]
    return np.ascontiguousarray(part[::-1] if turned else part)


def make_models(model_dir: Path, folder: Path) -> dict[str, Path]:
    """Copies of a model that answer other masks, by their names."""
    made = {}
    for name, threshold in THRESHOLDS.items():
        made[name] = folder / name
        ignored = shutil.ignore_patterns(".*")
        shutil.copytree(model_dir, made[name], ignore=ignored)
        spec = made[name] / "model.json"
        spec.write_text(json.dumps(json.loads(spec.read_text()) | {"threshold": threshold}))
    return made


def expected(
    model_dir: Path, thresholds: dict[str, float | None], arrays: list[np.ndarray]
) -> dict[str, list[np.ndarray]]:
    """The masks of all images, as the library computes them.

    Args:
        thresholds: of each of some models that differ in nothing else; None: that of its spec.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_masks, (model_dir, thresholds, arrays))


def _masks(
    model_dir: Path, thresholds: dict[str, float | None], arrays: list[np.ndarray]
) -> dict[str, list[np.ndarray]]:
    from segmentation.answers import Mask
    from segmentation.images import from_array
    from segmentation.running.predict import predict
    from segmentation.running.segmenter import load

    segmenter = load(model_dir)
    masks: dict[str, list[np.ndarray]] = {name: [] for name in thresholds}
    for array in arrays:
        given = from_array(array, axes="NHW"[-array.ndim :]).for_channels(1)
        for name, threshold in thresholds.items():
            answer = Mask.wanted(threshold, segmenter.spec, segmenter.network.classes)
            masks[name].append(np.asarray(predict(segmenter, given, answer)))
    return masks


def requests_of(path: str, arrays: list[np.ndarray], masks: list[np.ndarray]) -> Iterator[Request]:
    """Every image in every format that suits it, and some requests that are wrong."""
    for number, (array, mask) in enumerate(zip(arrays, masks, strict=True)):
        size = "×".join(map(str, array.shape))
        for name, headers, body in _bodies(array, number):
            yield Request(f"{size} {name}", path, headers, body, mask)
    cut = _png(arrays[0])[:200]
    for name, headers, body, status in (
        ("cut PNG", {"Content-Type": media_types.PNG}, cut, 400),
        ("unknown type", {"Content-Type": "video/mp4"}, b"0000", 415),
        ("empty body", {"Content-Type": media_types.NPY}, b"", 400),
        ("too many pixels", {"Content-Type": media_types.NPY}, _claims(1 << 20, 1 << 20), 413),
    ):
        yield Request(name, path, headers, body, None, status)


def _bodies(array: np.ndarray, number: int) -> Iterator[tuple[str, dict[str, str], bytes]]:
    """The name of a format, headers, and the body, of all that suits an image."""
    tiff = io.BytesIO()
    tifffile.imwrite(tiff, array, photometric="minisblack", compression="deflate")
    yield "TIFF", {"Content-Type": media_types.TIFF}, tiff.getvalue()
    packed = {"Content-Type": media_types.NPY, "Content-Encoding": "gzip"}
    yield "NPY in gzip", packed, gzip.compress(npy(array), 1)
    if array.size > MANY_FORMATS * STACK[0]:
        return
    yield "NPY", {"Content-Type": media_types.NPY}, npy(array)
    answered = {"Content-Type": media_types.NPZ, "Accept": media_types.TIFF}
    yield "NPZ, answered as TIFF", answered, npz(instances=array)
    text = json.dumps({"instances": array.tolist()}).encode()
    yield "JSON", {"Content-Type": media_types.JSON}, text
    if array.ndim > 2:
        return
    png = _png(array)
    yield "PNG", {"Content-Type": media_types.PNG}, png
    answered = {"Content-Type": media_types.ANY_IMAGE, "Accept": media_types.NPY}
    yield "PNG, answered as NPY", answered, png
    of_form = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    yield "form", of_form, form(png, f"{number}.png", media_types.PNG, {"output": "mask"})
    in_json = json.dumps({"instances": {"b64": base64.b64encode(png).decode()}}).encode()
    accept = {"Content-Type": media_types.JSON, "Accept": media_types.NPY}
    yield "file in JSON", accept, in_json
    csv = "\n".join(",".join(map(str, row)) for row in array.tolist()).encode()
    yield "CSV", {"Content-Type": media_types.CSV}, csv


def _png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def _claims(height: int, width: int) -> bytes:
    """An NPY whose header tells such a size."""
    return npy(np.zeros((1, 1), np.uint8)).replace(b"(1, 1)", b"(%d, %d)" % (height, width))
