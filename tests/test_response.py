"""Encoding: every format that is written, and what is answered where the client has no wish."""

import numpy as np
import pytest

from bodies import read
from segmentation import media_types
from segmentation.errors import NotAcceptable
from segmentation.images import Images
from segmentation.media_types import CSV, JPEG, JSON, JSONLINES, NPY, NPZ, PNG, TIFF
from segmentation.response import Prediction, encode, outline, threshold

MASK = np.array([[0, 255, 255], [255, 0, 0]], np.uint8)
STACK = np.stack([MASK, 255 - MASK])


def prediction(values, output="mask", media_type=JSON, axes=None, classes=1):
    axes = axes or ("NHW" if len(values) > 1 else "HW")
    pixels = np.full(values.shape[:3], 100, np.uint8)
    images = Images(pixels if axes[0] == "N" else pixels[0], 1 / 255, axes, media_type)
    return Prediction(values, output, images, classes)


@pytest.mark.parametrize("media_type", [JSON, CSV, NPY, NPZ, PNG, TIFF])
def test_one_mask(media_type):
    body, found = encode(prediction(MASK[None]), media_type)
    assert found == media_type
    np.testing.assert_array_equal(read(body, media_type), MASK)


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
    body, _ = encode(prediction(PROBABILITY, "probability"), media_type)
    assert read(body, media_type).tolist() == expected


def test_probabilities_of_classes():
    values = np.random.default_rng(0).random((2, 4, 3, 5), np.float32)
    answer = prediction(values, "probability", classes=5)
    np.testing.assert_array_equal(read(encode(answer, NPY)[0], NPY), values)
    pages = read(encode(answer, TIFF)[0], TIFF)
    np.testing.assert_array_equal(pages, values.transpose(0, 3, 1, 2).reshape(10, 4, 3))


def test_jpeg_on_request_only():
    assert encode(prediction(MASK[None], media_type=JPEG), JPEG)[1] == JPEG
    assert encode(prediction(MASK[None], media_type=JPEG), "*/*")[1] == PNG


@pytest.mark.parametrize(
    "media_type", [name for name in media_types.SUPPORTED if "/x-im" not in name]
)
def test_in_kind(media_type):
    answer = prediction(MASK[None], media_type=media_type)
    expected = PNG if media_type == JPEG else media_type
    assert encode(answer, None)[1] == expected
    assert encode(answer, "")[1] == expected
    assert encode(answer, "*/*")[1] == expected


@pytest.mark.parametrize(
    ("values", "output", "sent", "accept", "answered"),
    [
        (STACK, "mask", TIFF, None, TIFF),
        (STACK, "mask", JSON, "image/*", TIFF),
        (MASK[None], "mask", TIFF, "image/*", TIFF),
        (MASK[None], "mask", JSON, "application/x-image", PNG),
        (MASK[None], "overlay", JSON, None, PNG),
        (STACK, "overlay", NPY, None, TIFF),
        (np.zeros((1, 2, 2, 3), np.float32), "probability", PNG, None, TIFF),
    ],
)
def test_what_fits_is_chosen(values, output, sent, accept, answered):
    assert encode(prediction(values, output, sent), accept)[1] == answered


@pytest.mark.parametrize(
    ("values", "output", "accept", "word"),
    [
        (STACK, "mask", PNG, "cannot hold the mask of 2×2×3"),
        (STACK, "mask", CSV, "cannot hold"),
        (MASK[None], "overlay", JSON, "cannot hold the overlay"),
        (MASK[None], "mask", "text/html", "can be given as"),
        (MASK[None], "mask", "image/png;q=0", "can be given as"),
    ],
)
def test_not_acceptable(values, output, accept, word):
    with pytest.raises(NotAcceptable, match=word):
        encode(prediction(values, output), accept)


def test_too_wide_for_jpeg():
    with pytest.raises(NotAcceptable, match="image/jpeg cannot hold 1×70000"):
        encode(prediction(np.zeros((1, 1, 70_000), np.uint8)), JPEG)


def test_outline():
    mask = np.zeros((5, 5), np.uint8)
    mask[1:4, 1:4] = 255
    expected = mask > 0
    expected[2, 2] = False
    np.testing.assert_array_equal(outline(mask), expected)
    assert not outline(np.full((3, 3), 255, np.uint8)).any()


def test_overlay_colours():
    mask = np.array([[0, 0, 255, 255, 255]], np.uint8)
    picture = read(encode(prediction(mask[None], "overlay"), PNG)[0], PNG)
    assert picture[0].tolist() == [[100] * 3] * 2 + [[255, 212, 0]] + [[100] * 3] * 2


def test_overlay_of_classes():
    mask = np.array([[1, 1, 2, 2]], np.uint8)
    picture = read(encode(prediction(mask[None], "overlay", classes=3), PNG)[0], PNG)
    assert picture[0, 1].tolist() == [0xFF, 0xD4, 0x00]
    assert picture[0, 2].tolist() == [0x00, 0x72, 0xB2]


def test_threshold_is_exclusive():
    probabilities = np.array([0.4, 0.5, 0.6], np.float32).reshape(1, 1, 3, 1)
    assert threshold(probabilities, 0.5).tolist() == [[[0, 0, 255]]]


def test_classes_are_indices():
    probabilities = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], np.float32).reshape(1, 1, 2, 3)
    assert threshold(probabilities, 0.5).tolist() == [[[1, 0]]]
