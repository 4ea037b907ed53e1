"""Encoding: every format that is written, and what is answered where the client has no wish."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from segmentation.answers import (
    ANSWERS,
    Labels,
    Mask,
    Overlay,
    Polygons,
    Prediction,
    Probability,
    Table,
)
from segmentation.calibration import Calibration
from segmentation.errors import NotAcceptable
from segmentation.images import from_array
from segmentation.wire.encoding import encode, output_of
from segmentation.wire.formats import FORMATS
from segmentation.wire.media_types import (
    CSV,
    GEOJSON,
    JPEG,
    JSON,
    JSONLINES,
    NPY,
    NPZ,
    PNG,
    TIFF,
)
from support.bodies import read

MASK = np.array([[0, 255, 255], [255, 0, 0]], np.uint8)
STACK = np.stack([MASK, 255 - MASK])


def prediction(values, answer=None, media_type=JSON, axes=None):
    axes = axes or ("NHW" if len(values) > 1 else "HW")
    pixels = np.full(values.shape[:3], 100, np.uint8)
    images = from_array(pixels if axes[0] == "N" else pixels[0], media_type, axes)
    return Prediction(values, answer or Mask(), images)


@pytest.mark.parametrize("media_type", [JSON, CSV, NPY, NPZ, PNG, TIFF])
def test_one_mask(media_type):
    body, found = encode(prediction(MASK[None]), media_type)
    assert found == media_type
    np.testing.assert_array_equal(read(body, media_type), MASK)


@pytest.mark.parametrize(
    ("calibration", "dots"),
    [
        (Calibration(x=0.5, y=0.25, unit="µm"), (50_800, 101_600)),
        (Calibration(x=1e-3, y=1e-3, unit="inch"), (1000, 1000)),
        (Calibration(x=1e-9, y=1e-9, unit="µm"), None),
        (Calibration(x=0.5, y=0.5), None),
    ],
)
def test_the_size_of_a_pixel_goes_into_a_png(calibration, dots):
    made = prediction(MASK[None])
    made = replace(made, images=replace(made.images, calibration=calibration))
    with Image.open(io.BytesIO(encode(made, PNG)[0])) as image:
        assert image.info.get("dpi") == (dots and pytest.approx(dots, rel=1e-5))
        np.testing.assert_array_equal(np.asarray(image), MASK)


@pytest.mark.parametrize("shape", [(1, 1_000_001), (1_000_001, 1), (1, 1)])
def test_a_mask_of_any_size_in_a_png(shape):
    mask = np.where(np.arange(max(shape)) % 3, 255, 0).astype(np.uint8).reshape(shape)
    np.testing.assert_array_equal(read(encode(prediction(mask[None]), PNG)[0], PNG), mask)


def test_a_mask_that_is_no_contiguous_array_in_a_png():
    turned = np.arange(6, dtype=np.uint8).reshape(1, 3, 2).transpose(0, 2, 1)
    np.testing.assert_array_equal(read(encode(prediction(turned), PNG)[0], PNG), turned[0])


def test_a_jpeg_says_a_size_that_it_can_hold():
    for size, dots in ((25.4, 1000), (0.1, None)):
        made = prediction(MASK[None])
        calibration = Calibration(x=size, y=size, unit="µm")
        made = replace(made, images=replace(made.images, calibration=calibration))
        with Image.open(io.BytesIO(encode(made, JPEG)[0])) as image:
            assert image.info.get("dpi") == (dots and (dots, dots))


@pytest.mark.parametrize("media_type", [JSON, JSONLINES, NPY, NPZ, TIFF])
def test_a_stack_of_masks(media_type):
    body, _ = encode(prediction(STACK), media_type)
    np.testing.assert_array_equal(read(body, media_type), STACK)


@pytest.mark.parametrize("media_type", [JSON, NPY, NPZ])
def test_a_stack_of_one_stays_a_stack(media_type):
    body, _ = encode(prediction(MASK[None], axes="NHW"), media_type)
    assert read(body, media_type).shape == (1, 2, 3)


PROBABILITY = np.array([[[[0.0], [0.25], [1.0]]]], np.float32)  # (1, 1, 3, 1)


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        (JSON, [[0, 0.25, 1]]),
        (JSONLINES, [[[0, 0.25, 1]]]),
        (CSV, [[0, 0.25, 1]]),
        (NPY, [[0, 0.25, 1]]),
        (TIFF, [[0, 0.25, 1]]),
        (PNG, [[0, 16384, 65535]]),
    ],
)
def test_probabilities(media_type, expected):
    body, _ = encode(prediction(PROBABILITY, Probability()), media_type)
    assert read(body, media_type).tolist() == expected


def test_probabilities_as_jpeg_have_8_bits():
    flat = np.full((1, 8, 8, 1), 0.25, np.float32)
    body, _ = encode(prediction(flat, Probability()), JPEG)
    assert set(read(body, JPEG).flat) == {64}


def test_probabilities_of_classes():
    values = np.random.default_rng(0).random((2, 4, 3, 5), np.float32)
    answer = prediction(values, Probability(classes=5))
    np.testing.assert_array_equal(read(encode(answer, NPY)[0], NPY), values)
    pages = read(encode(answer, TIFF)[0], TIFF)
    np.testing.assert_array_equal(pages, values.transpose(0, 3, 1, 2).reshape(10, 4, 3))


def test_jpeg_on_request_only():
    assert encode(prediction(MASK[None], media_type=JPEG), JPEG)[1] == JPEG
    assert encode(prediction(MASK[None], media_type=JPEG), "*/*")[1] == PNG


@pytest.mark.parametrize("media_type", [format.media_type for format in FORMATS])
def test_in_kind(media_type):
    answer = prediction(MASK[None], media_type=media_type)
    expected = PNG if media_type == JPEG else media_type
    assert encode(answer, None)[1] == expected
    assert encode(answer, "")[1] == expected
    assert encode(answer, "*/*")[1] == expected


@pytest.mark.parametrize(
    ("values", "answer", "sent", "accept", "answered"),
    [
        (STACK, Mask(), TIFF, None, TIFF),
        (STACK, Mask(), JSON, "image/*", TIFF),
        (MASK[None], Mask(), TIFF, "image/*", TIFF),
        (MASK[None], Mask(), JSON, "application/x-image", PNG),
        (MASK[None], Overlay(), JSON, None, PNG),
        (STACK, Overlay(), NPY, None, TIFF),
        (np.zeros((1, 2, 2, 3), np.float32), Probability(classes=3), PNG, None, TIFF),
    ],
)
def test_what_fits_is_chosen(values, answer, sent, accept, answered):
    assert encode(prediction(values, answer, sent), accept)[1] == answered


@pytest.mark.parametrize(
    ("values", "answer", "accept", "word"),
    [
        (STACK, Mask(), PNG, "cannot hold the mask of 2×2×3"),
        (STACK, Mask(), CSV, "cannot hold"),
        (MASK[None], Overlay(), JSON, "cannot hold the overlay"),
        (MASK[None], Mask(), "text/html", "can be given as"),
        (MASK[None], Mask(), "image/png;q=0", "can be given as"),
    ],
)
def test_not_acceptable(values, answer, accept, word):
    with pytest.raises(NotAcceptable, match=word):
        encode(prediction(values, answer), accept)


def test_too_wide_for_jpeg():
    with pytest.raises(NotAcceptable, match="image/jpeg cannot hold 1×70000"):
        encode(prediction(np.zeros((1, 1, 70_000), np.uint8)), JPEG)


def test_what_cannot_be_held_is_answered_with_what_can():
    with pytest.raises(NotAcceptable) as caught:
        encode(prediction(STACK), "text/csv")
    message = str(caught.value)
    assert message.startswith(
        "Accept is 'text/csv', which cannot hold the mask of 2×2×3 (one plane in PNG, JPEG, CSV"
    )
    assert "overlays in pictures); this answer can be given as application/json, " in message
    assert "image/png" not in message


@pytest.mark.parametrize("alias", ["image/tif", "IMAGE/TIF;q=0.5, text/html"])
def test_aliases_are_accepted(alias):
    assert encode(prediction(MASK[None]), alias)[1] == TIFF


CLASSES = Mask(classes=300)
INDICES = np.array([[0, 34, 255, 256, 290]], np.uint16)


@pytest.mark.parametrize("media_type", [JSON, JSONLINES, CSV, NPY, NPZ, PNG, TIFF])
def test_indices_of_many_classes(media_type):
    body, _ = encode(prediction(INDICES[None], CLASSES), media_type)
    assert read(body, media_type).ravel().tolist() == INDICES.ravel().tolist()


def test_jpeg_cannot_hold_many_classes():
    many = prediction(INDICES[None], CLASSES, JPEG)
    assert encode(many, None)[1] == PNG
    assert encode(many, "image/jpeg, image/*;q=0.1")[1] == PNG
    with pytest.raises(NotAcceptable, match=r"cannot hold the mask .* no 16-bit numbers in JPEG"):
        encode(many, JPEG)


def test_jpeg_holds_the_overlay_of_many_classes():
    body, _ = encode(prediction(INDICES[None], Overlay(classes=300)), JPEG)
    assert read(body, JPEG).shape == (1, 5, 3)


def test_overlays_are_drawn_in_colour():
    mask = np.array([[0, 0, 255, 255, 255]], np.uint8)
    picture = read(encode(prediction(mask[None], Overlay()), PNG)[0], PNG)
    assert picture[0].tolist() == [[100] * 3] * 2 + [[255, 212, 0]] + [[100] * 3] * 2


def test_a_stack_of_overlays():
    pages = read(encode(prediction(STACK, Overlay()), TIFF)[0], TIFF)
    assert pages.shape == (*STACK.shape, 3)


LABELS = np.array([[[1, 0, 2], [300, 300, 0]]], np.uint16)


@pytest.mark.parametrize("media_type", [JSON, JSONLINES, CSV, NPY, NPZ, PNG, TIFF])
def test_labels(media_type):
    body, _ = encode(prediction(LABELS, Labels()), media_type)
    assert read(body, media_type).ravel().tolist() == LABELS.ravel().tolist()


MANY_LABELS = np.array([[[1, 0, 70_000]]], np.uint32)


@pytest.mark.parametrize("media_type", [JSON, JSONLINES, CSV, NPY, NPZ, TIFF])
def test_many_labels(media_type):
    body, _ = encode(prediction(MANY_LABELS, Labels()), media_type)
    assert read(body, media_type).ravel().tolist() == [1, 0, 70_000]


def test_many_labels_are_too_many_for_a_png():
    many = prediction(MANY_LABELS, Labels(), PNG)
    with pytest.raises(NotAcceptable, match=r"no 32-bit numbers in PNG.* given as image/tiff"):
        encode(many, PNG)
    assert encode(many, None)[1] == TIFF


@pytest.mark.parametrize(
    ("answer", "accept", "words"),
    [
        (Polygons(), PNG, r"the geojson of 1×2×3 \(polygons are held by JSON and GeoJSON alone\)"),
        (Table(), TIFF, "rows of measurements are held by JSON and JSON Lines and CSV alone"),
        (Table(), GEOJSON, "given as application/json, text/csv, application/jsonlines; accept"),
        (Mask(), GEOJSON, "GeoJSON holds output=geojson alone"),
        (Labels(), GEOJSON, "GeoJSON holds output=geojson alone"),
    ],
)
def test_what_is_no_array_is_held_by_some_formats(answer, accept, words):
    with pytest.raises(NotAcceptable, match=words):
        encode(prediction(MASK[None], answer), accept)


@pytest.mark.parametrize(
    ("answer", "sent", "answered"),
    [
        (Polygons(), PNG, GEOJSON),
        (Polygons(), CSV, GEOJSON),
        (Polygons(), JSON, JSON),
        (Table(), TIFF, CSV),
        (Table(), JSONLINES, JSONLINES),
        (Labels(), JPEG, PNG),
    ],
)
def test_what_is_usual_for_an_answer(answer, sent, answered):
    values = LABELS if isinstance(answer, Labels) else MASK[None]
    assert encode(prediction(values, answer, sent), "*/*")[1] == answered


@pytest.mark.parametrize(
    ("accept", "output"),
    [
        (None, "mask"),
        ("", "mask"),
        ("*/*", "mask"),
        ("application/*", "mask"),
        ("text/html", "mask"),
        (JSON, "mask"),
        (CSV, "mask"),
        (GEOJSON, "geojson"),
        ("Application/Geo+JSON; charset=utf-8", "geojson"),
        ("application/vnd.geo+json", "geojson"),
        (f"{GEOJSON}, */*;q=0.1", "geojson"),
        (f"{GEOJSON};q=0.1, {PNG}", "mask"),
    ],
)
def test_what_a_client_means_that_names_no_answer(accept, output):
    assert output_of(accept) == output
    assert output in ANSWERS


def test_classes_in_a_png_have_their_colours_beside_them():
    indices = np.array([[[0, 2, 1, 0]]], np.uint8)
    answer = Mask(classes=3, colors=("#000000", "#ff0000", "#00ff80"))
    body, _ = encode(prediction(indices, answer), PNG)
    with Image.open(io.BytesIO(body)) as image:
        assert image.mode == "P"
        assert np.asarray(image).tolist() == indices[0].tolist()
        shown = np.asarray(image.convert("RGB"))[0].tolist()
    assert shown == [[0, 0, 0], [0, 255, 128], [255, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("classes", [2, 3, 5, 17, 256])
def test_any_number_of_classes_in_a_png(classes):
    indices = np.arange(classes, dtype=np.uint8)[None, None]
    answer = Mask(classes=classes, colors=("#000000", "#ff0000"))
    body, _ = encode(prediction(indices, answer), PNG)
    np.testing.assert_array_equal(read(body, PNG), indices[0])


@pytest.mark.parametrize(
    ("values", "answer"),
    [(MASK[None], Mask()), (INDICES[None], CLASSES), (MASK[None], Mask(classes=256))],
)
def test_masks_without_a_palette(values, answer):
    body, _ = encode(prediction(values, answer), PNG)
    with Image.open(io.BytesIO(body)) as image:
        assert image.mode in ("L", "I;16")
