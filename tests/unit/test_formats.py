"""The table of formats: what it says is true of each, and no two contradict each other."""

import ast
from collections import Counter
from importlib.util import resolve_name
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from segmentation.answers import Mask, Overlay, Prediction
from segmentation.images import from_array
from segmentation.wire import media_types
from segmentation.wire.decoding import decode
from segmentation.wire.format import sniffed
from segmentation.wire.formats import (
    ALL_READERS,
    BY_MEDIA_TYPE,
    FORMATS,
    OFFERS,
    READERS,
    canonical,
)
from support.bodies import GRAY, STACK

INFERENCE = Path(__file__).resolve().parents[2] / "inference"

each_format = pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)


def mask_of(array, media_type=""):
    images = from_array(array, media_type).for_channels(1)
    return Prediction(images.batch[..., 0], Mask(), images)


@each_format
def test_what_a_format_writes_it_reads(format):
    images = decode(format.encode(mask_of(GRAY)), format.media_type, GRAY.size)
    assert images.media_type == format.media_type
    np.testing.assert_allclose(
        np.squeeze(images.pixels), GRAY, atol=3 if format.largest == 255 else 0
    )


@each_format
def test_a_format_holds_the_planes_that_it_says(format):
    assert format.holds(mask_of(GRAY))
    assert format.holds(mask_of(STACK)) == format.many_planes


@each_format
def test_only_pictures_hold_overlays(format):
    images = from_array(GRAY, axes="HW")
    assert format.holds(Prediction(GRAY[None], Overlay(), images)) == format.picture


@each_format
def test_signatures_tell_a_format(format):
    body = format.encode(mask_of(GRAY))
    assert sniffed(body, ALL_READERS) is (format if format.signatures else None)


@each_format
def test_media_types_are_canonical(format):
    assert media_types.parse(format.media_type) == (format.media_type, {})
    for name in (format.media_type, *format.aliases):
        assert canonical(name) == format.media_type


def test_pictures_can_be_told_apart():
    pictures = [format for format in FORMATS if format.picture]
    bodies = [picture.encode(mask_of(GRAY)) for picture in pictures]
    assert [sniffed(body, pictures) for body in bodies] == pictures


def test_a_format_is_read_by_itself_alone():
    assert all(READERS[format.media_type] is format for format in FORMATS)


def test_what_is_only_read_is_no_offer():
    assert "image/webp" in READERS
    assert "image/webp" not in BY_MEDIA_TYPE


@pytest.mark.parametrize(
    "names",
    [
        [[reader.media_type, *reader.aliases] for reader in ALL_READERS],
        [reader.suffixes for reader in ALL_READERS],
        [reader.signatures for reader in ALL_READERS],
        [[offer.place] for offer in OFFERS],
    ],
    ids=["media types", "suffixes", "signatures", "places"],
)
def test_nothing_means_two_formats(names):
    assert not [name for name, count in Counter(chain(*names)).items() if count > 1]


def test_the_order_in_which_formats_are_listed():
    assert [(format.media_type, format.suffixes[0]) for format in FORMATS] == [
        ("application/json", ".json"),
        ("application/jsonlines", ".jsonl"),
        ("text/csv", ".csv"),
        ("application/x-npy", ".npy"),
        ("application/x-npz", ".npz"),
        ("image/png", ".png"),
        ("image/jpeg", ".jpg"),
        ("image/tiff", ".tif"),
    ]
    assert [*READERS][len(FORMATS) :] == [
        "image/jp2",
        "image/jls",
        "image/jxl",
        "image/webp",
        "image/avif",
        "image/gif",
        "image/bmp",
        "application/x-image",
    ]


def test_the_order_in_which_formats_are_offered():
    offers = "PNG, TIFF, NPY, NPZ, JSON, JSON Lines, CSV, JPEG, GeoJSON"
    assert ", ".join(format.name for format in OFFERS) == offers


def all_imports(name: str, seen: set[str]) -> set[str]:
    """The modules that a module of ``inference`` imports, directly or by others of them."""
    if name in seen:
        return seen
    seen.add(name)
    path = INFERENCE.joinpath(*name.split("."))
    package = name if path.is_dir() else name.rpartition(".")[0]
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if path.exists():
        for node in ast.walk(ast.parse(path.read_text())):
            for imported in _imported(node, package):
                all_imports(imported, seen)
    return seen


def _imported(node: ast.AST, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        module = resolve_name("." * node.level + (node.module or ""), package)
        return [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return []


def test_formats_do_not_need_tensorflow():
    imported = all_imports("segmentation.wire.formats", set())
    assert {"segmentation.machine", "PIL", "orjson"} <= imported  # imports are followed
    assert not {"tensorflow", "keras"} & {name.partition(".")[0] for name in imported}
