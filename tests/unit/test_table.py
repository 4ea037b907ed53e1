"""Tables of objects: as scikit-image measures them, in the columns that it names."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import skimage.measure

from segmentation.answers import Prediction, Table
from segmentation.calibration import Calibration
from segmentation.images import from_array
from segmentation.wire.encoding import encode
from segmentation.wire.media_types import CSV, JSON, JSONLINES, NPY, PNG

MICROSCOPE = Calibration(x=0.5, y=2.0, unit="µm")
PIXELS = ["label", "area", "centroid", "bbox", "intensity_mean"]


def blobs(seed=0, shape=(300, 70)):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(shape) < 0.35, 255, 0).astype(np.uint8)


def prediction(mask, pixels, axes, known=None, **options):
    images = from_array(pixels, PNG, axes)
    images = replace(images, calibration=known) if known else images
    return Prediction(mask, Table(**options), images)


def rows(made, accept=JSON):
    body, media_type = encode(made, accept)
    assert media_type == accept
    if accept == CSV:
        return list(csv.DictReader(io.StringIO(body.decode())))
    return json.loads(body) if accept == JSON else [*map(json.loads, body.splitlines())]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_table_is_that_of_scikit_image(dtype):
    mask = blobs()
    pixels = np.random.default_rng(1).random(mask.shape)
    pixels = (pixels if dtype == np.float32 else pixels * np.iinfo(dtype).max).astype(dtype)
    found = rows(prediction(mask[None], pixels, "HW"))
    expected = skimage.measure.regionprops_table(skimage.measure.label(mask), pixels, PIXELS)
    assert len(found) == len(expected["label"]) > 100
    for name, column in expected.items():
        np.testing.assert_allclose([row[name] for row in found], column, rtol=1e-6)
    assert [*found[0]] == ["label", "class", *[name for name in expected if name != "label"]]


def test_each_channel_is_measured():
    mask, pixels = blobs(), np.random.default_rng(1).integers(0, 256, (300, 70, 3), np.uint8)
    found = rows(prediction(mask[None], pixels, "HWC"))
    labels = skimage.measure.label(mask)
    expected = skimage.measure.regionprops_table(labels, pixels, ["intensity_mean"])
    for name, column in expected.items():
        np.testing.assert_allclose([row[name] for row in found], column)


def test_a_gray_image_is_measured_once_for_a_model_of_colour():
    images = from_array(np.full((1, 1), 7, np.uint8), axes="HW").for_channels(3)
    [row] = rows(Prediction(np.full((1, 1, 1), 255, np.uint8), Table(), images))
    assert [name for name in row if "intensity" in name] == ["intensity_mean"]


def test_micrometers_where_the_file_knows_them():
    mask = blobs()
    found = rows(prediction(mask[None], mask, "HW", MICROSCOPE))
    labels = skimage.measure.label(mask)
    names = ["area", "centroid"]
    expected = skimage.measure.regionprops_table(labels, properties=names, spacing=(2.0, 0.5))
    for column, name in zip(
        expected.values(), ("area_um2", "centroid_um-0", "centroid_um-1"), strict=True
    ):
        np.testing.assert_allclose([row[name] for row in found], column)


STACK = np.array([[[255, 0, 255]], [[0, 0, 0]], [[0, 255, 255]]], np.uint8)


@pytest.mark.parametrize("accept", [JSON, JSONLINES, CSV])
def test_the_rows_of_a_stack(accept):
    found = rows(prediction(STACK, STACK, "NHW", names=("back", "cell")), accept)
    told = [(int(row["image"]), int(row["label"]), float(row["centroid-1"])) for row in found]
    assert told == [(0, 1, 0), (0, 2, 2), (2, 1, 1.5)]
    assert {row["class"] for row in found} == {"cell"}


def test_csv():
    body, _ = encode(prediction(STACK[:1], STACK[0], "HW", names=("b", 'a "cell", round')), CSV)
    assert body.decode().splitlines() == [
        "label,class,area,centroid-0,centroid-1,bbox-0,bbox-1,bbox-2,bbox-3,intensity_mean",
        '1,"a ""cell"", round",1,0.0,0.0,0,0,1,1,255.0',
        '2,"a ""cell"", round",1,0.0,2.0,0,2,1,3,255.0',
    ]


def test_a_table_without_rows_has_its_columns():
    empty = prediction(np.zeros((1, 2, 2), np.uint8), np.zeros((2, 2), np.uint8), "HW")
    assert encode(empty, CSV)[0].startswith(b"label,class,area,")
    assert rows(empty) == []


def test_classes():
    index = prediction(
        np.array([[[1, 2, 2]]], np.uint8), np.zeros((1, 3), np.uint8), "HW", classes=3
    )
    assert [(row["label"], row["class"]) for row in rows(index)] == [(1, "class 1"), (2, "class 2")]
    mask = np.full((1, 1, 1, 2), 255, np.uint8)
    overlapping = prediction(mask, np.zeros((1, 1), np.uint8), "HW", classes=2, multilabel=True)
    told = [(row["label"], row["class"]) for row in rows(overlapping)]
    assert told == [(1, "class 1"), (1, "class 2")]


def test_images_that_nobody_has_seen_have_no_intensities():
    made = replace(prediction(STACK[:1], STACK[0], "HW"), seen=False)
    assert not any("intensity" in name for name in rows(made)[0])


@pytest.mark.parametrize(("sent", "answered"), [(PNG, CSV), (NPY, CSV), (JSON, JSON)])
def test_a_table_is_csv_unless_the_request_is_a_text_of_another_kind(sent, answered):
    images = from_array(STACK[0], sent, "HW")
    assert encode(Prediction(STACK[:1], Table(), images), None)[1] == answered
