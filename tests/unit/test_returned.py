"""What a predict_fn of the user returned, answered as objects."""

import json

import numpy as np
import pytest

from segmentation.errors import RequestError
from segmentation.images import from_array
from segmentation.running import returned
from segmentation.spec import ModelSpec
from segmentation.wire.encoding import encode
from segmentation.wire.media_types import GEOJSON, JSON

MASK = np.array([[255, 0, 255, 255], [0, 0, 255, 0]], np.uint8)
IMAGES = from_array(np.full((2, 4), 7, np.uint8), axes="HW")


def made(array, output, images=IMAGES, spec=None, **options):
    return returned.prediction(array, images, spec or ModelSpec(), output, **options)


@pytest.mark.parametrize("array", [MASK, MASK > 0, MASK[None], (MASK > 0).astype(np.float32)])
def test_labels(array):
    labels = made(array, "labels").values
    assert labels.dtype == np.uint16
    assert labels.tolist() == [[[1, 0, 2, 2], [0, 0, 2, 0]]]


def test_numbered_objects_that_touch_stay_apart():
    array = np.array([[9, 9, 4, 70_000]], np.int32)
    assert made(array, "labels", None).values.tolist() == [[[1, 1, 2, 3]]]


@pytest.mark.parametrize("output", ["mask", "labels"])
def test_small_components_are_no_part_of_it(output):
    before = MASK.copy()
    values = made(MASK, output, minimum=2).values
    assert (values > 0).tolist() == [[[False, False, True, True], [False, False, True, False]]]
    np.testing.assert_array_equal(MASK, before, "the array is the user's")


def test_a_mask_that_cannot_be_written_to():
    array = np.broadcast_to(np.uint8(255), (2, 4))
    assert made(array, "mask", minimum=9).values.max() == 0


def test_probabilities_have_no_components():
    with pytest.raises(RequestError, match="probabilities have none"):
        made(MASK / np.float32(255), "probability", minimum=2)


def test_a_table():
    rows = json.loads(encode(made(MASK, "table"), JSON)[0])
    assert [(row["area"], row["intensity_mean"]) for row in rows] == [(1, 7), (3, 7)]


@pytest.mark.parametrize("images", [None, from_array(np.zeros((9, 9), np.uint8), axes="HW")])
def test_images_that_do_not_fit_are_not_measured(images):
    rows = json.loads(encode(made(MASK, "table", images), JSON)[0])
    assert [row["area"] for row in rows] == [1, 3]
    assert not any("intensity" in name for name in rows[0])


def test_polygons_of_classes():
    spec = ModelSpec(class_names=("back", "cell", "nucleus"))
    content = json.loads(encode(made(np.array([[0, 2, 2, 1]]), "geojson", None, spec), GEOJSON)[0])
    found = [feature["properties"] for feature in content["features"]]
    assert [of["classification"]["name"] for of in found] == ["nucleus", "cell"]


@pytest.mark.parametrize("array", [MASK, MASK / np.float32(255)])
def test_a_preview_is_the_image_whatever_was_returned(array):
    assert made(array, "preview").values.tolist() == IMAGES.pixels[None].tolist()


def test_an_image_that_nobody_here_has_seen_has_no_preview():
    with pytest.raises(RequestError, match="output=preview shows the image, which only code of"):
        made(MASK, "preview", None)
