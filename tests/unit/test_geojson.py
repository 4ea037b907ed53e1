"""Polygons: exact to the pixel, valid, and as QuPath and napari read them."""

import json
from dataclasses import replace

import numpy as np
import pytest
import shapely
import shapely.geometry
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segmentation import components, machine, polygons
from segmentation.answers import COLORS, Polygons, Prediction, Table
from segmentation.calibration import Calibration
from segmentation.errors import OutOfMemory, UnsupportedMediaType
from segmentation.images import from_array
from segmentation.wire.encoding import encode
from segmentation.wire.geojson import GeoJson
from segmentation.wire.media_types import GEOJSON, JSON

SPEC = {"colors": ("#000000", "#ff0000", "#00ff00"), "names": ("back", "cell", "nucleus")}


def filled(rings_of, shape):
    """The labels that polygons give, filled by the centres of pixels."""
    ys, xs = (axis.ravel() + 0.5 for axis in np.mgrid[: shape[0], : shape[1]])
    labels = np.zeros(shape, int)
    for label, rings in enumerate(rings_of, start=1):
        inside = shapely.contains_xy(shapely.Polygon(rings[0], rings[1:]), xs, ys).reshape(shape)
        assert not labels[inside].any(), "no pixel is in two polygons"
        labels[inside] = label
    return labels


def touching_by_corners(labels):
    """How often two pixels of each label touch by a corner alone, and a bridge joins them."""
    a, b, c, d = labels[:-1, :-1], labels[:-1, 1:], labels[1:, :-1], labels[1:, 1:]
    falling, rising = (a == d) & (a != b) & (a != c), (b == c) & (b != a) & (b != d)
    each = np.concatenate([a[falling], b[rising]])
    return np.bincount(each, minlength=labels.max() + 1)[1:]


@settings(deadline=None, max_examples=300)
@example(seed=1162429, shape=(14, 15), values=3, share=0.75)  # six pixels, six bridges
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 16), st.integers(1, 16)),
    values=st.sampled_from([1, 3]),
    share=st.floats(0.1, 0.95),
)
def test_polygons_give_the_labels_back(seed, shape, values, share):
    """Of masks with holes, with islands in them, touching by corners and at the borders."""
    rng = np.random.default_rng(seed)
    mask = (rng.integers(1, values + 1, shape) * (rng.random(shape) < share)).astype(np.uint8)
    found = components.find(mask)
    traced = polygons.trace(found.labels)
    np.testing.assert_array_equal(filled(traced, shape), found.labels)
    touching = touching_by_corners(found.labels)
    for rings, area, bridges in zip(traced, found.areas, touching, strict=True):
        polygon = shapely.Polygon(rings[0], rings[1:])
        assert polygon.is_valid, shapely.is_valid_reason(polygon)
        assert polygon.area == pytest.approx(area + bridges * polygons.BRIDGE**2, rel=1e-9)
        assert shapely.is_ccw(shapely.LinearRing(rings[0])), "the outer ring, by RFC 7946"
        assert not any(shapely.is_ccw(shapely.LinearRing(hole)) for hole in rings[1:])


@pytest.mark.parametrize("rows", [1, 2, 3, 255, 256, 257, 512, 513])
def test_strips_leave_no_seam(rows):
    mask = np.zeros((rows, 5), np.uint8)
    mask[:, 1:4] = 255
    [[ring]] = polygons.trace(components.find(mask).labels)
    assert ring.tolist() == [[1, 0], [4, 0], [4, rows], [1, rows], [1, 0]]


def test_a_hole_is_a_ring_of_its_own():
    mask = np.full((3, 3), 255, np.uint8)
    mask[1, 1] = 0
    [[outer, hole]] = polygons.trace(components.find(mask).labels)
    assert outer.tolist() == [[0, 0], [3, 0], [3, 3], [0, 3], [0, 0]]
    assert hole.tolist() == [[1, 1], [1, 2], [2, 2], [2, 1], [1, 1]]
    assert outer.dtype == hole.dtype == np.int32


def test_parts_that_touch_by_a_corner_are_joined_by_a_bridge():
    [[ring]] = polygons.trace(components.find(np.eye(2, dtype=np.uint8)).labels)
    corners = [[0, 0], [1, 0], [1, 0.9], [1.1, 1], [2, 1], [2, 2], [1, 2], [1, 1.1], [0.9, 1]]
    np.testing.assert_allclose(ring, [*corners, [0, 1], [0, 0]])


def test_polygons_that_need_more_memory_than_there_is(monkeypatch):
    monkeypatch.setattr(machine, "available_memory", lambda: 100)
    with pytest.raises(OutOfMemory, match=r"has 4 corners of polygons or more.* minimum=20"):
        polygons.trace(np.ones((1, 1), np.int32))


@pytest.mark.parametrize("answer", [Polygons(), Table()])
def test_objects_that_need_more_memory_than_there_is(monkeypatch, answer):
    monkeypatch.setattr(machine, "available_memory", lambda: 1500)
    made = Prediction(np.eye(2, dtype=np.uint8)[None, :1], answer, from_array(np.eye(2)[:1]))
    assert encode(made, JSON)
    two = np.array([[[1, 0, 1]]], np.uint8)
    with pytest.raises(OutOfMemory, match="has 2 objects or more"):
        encode(Prediction(two, answer, from_array(np.ones((1, 3)))), JSON)


def collection(mask, accept=GEOJSON, stacked=False, known=None, **options):
    """What is answered for a mask, (N, H, W) or (N, H, W, K)."""
    pixels = np.zeros(mask.shape[:3] if stacked else mask.shape[1:3], np.uint8)
    images = from_array(pixels, axes="NHW" if stacked else "HW")
    images = replace(images, calibration=known) if known else images
    body, media_type = encode(Prediction(mask, Polygons(**SPEC, **options), images), accept)
    assert media_type == accept
    content = json.loads(body)
    assert list(content) == ["type", "features"]
    assert content["type"] == "FeatureCollection"
    return content["features"]


CELL = np.array([[[0, 255], [255, 255]]], np.uint8)


@pytest.mark.parametrize("accept", [GEOJSON, JSON])
def test_a_feature(accept):
    [feature] = collection(CELL, accept)
    assert feature == {
        "type": "Feature",
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[1, 0], [2, 0], [2, 2], [0, 2], [0, 1], [1, 1], [1, 0]]],
        },
        "properties": {
            "objectType": "annotation",
            "classification": {"name": "cell", "color": [255, 0, 0]},
            "isLocked": False,
            "label": 1,
            "area": 3,
            "measurements": [{"name": "Area px^2", "value": 3}],
        },
    }
    assert shapely.geometry.shape(feature["geometry"]).area == 3


def test_the_area_in_micrometers():
    [feature] = collection(CELL, known=Calibration(x=500, y=2000, unit="nm"))
    assert feature["properties"]["measurements"][1] == {"name": "Area µm^2", "value": 3}


def test_each_class_has_its_objects():
    features = collection(np.array([[[2, 1, 1, 0, 2]]], np.uint8), classes=3)
    found = [feature["properties"] for feature in features]
    assert [of["classification"]["name"] for of in found] == ["nucleus", "cell", "nucleus"]
    assert [of["classification"]["color"] for of in found] == [
        [0, 255, 0],
        [255, 0, 0],
        [0, 255, 0],
    ]
    assert [of["label"] for of in found] == [1, 2, 3]


def test_classes_that_overlap_have_objects_that_do():
    mask = np.full((1, 1, 1, 2), 255, np.uint8)
    features = collection(mask, classes=2, multilabel=True)
    names = [feature["properties"]["classification"]["name"] for feature in features]
    assert names == ["cell", "nucleus"]
    assert features[0]["geometry"] == features[1]["geometry"]


def test_classes_without_names_and_colours():
    images = from_array(np.zeros((1, 1), np.uint8), axes="HW")
    body, _ = encode(Prediction(np.array([[[2]]], np.uint8), Polygons(classes=3), images), GEOJSON)
    [feature] = json.loads(body)["features"]
    color = [int(COLORS[2][place : place + 2], 16) for place in (1, 3, 5)]
    assert feature["properties"]["classification"] == {"name": "class 2", "color": color}


@pytest.mark.parametrize(
    ("stack", "places"),
    [
        ((), [(0, 0), (0, 1), (0, 2), (0, 3)]),
        ((("T", 2), ("Z", 2)), [(0, 0), (1, 0), (0, 1), (1, 1)]),
        ((("Z", 4),), [(0, 0), (1, 0), (2, 0), (3, 0)]),
        ((("Q", 2), ("Z", 2)), [(0, 0), (0, 1), (0, 2), (0, 3)]),
        ((("Z", 5),), [(0, 0), (0, 1), (0, 2), (0, 3)]),
    ],
)
def test_objects_lie_in_the_planes_of_the_stack(stack, places):
    features = collection(np.repeat(CELL, 4, axis=0), stacked=True, known=Calibration(stack=stack))
    planes = [feature["geometry"]["plane"] for feature in features]
    assert planes == [{"c": -1, "z": z, "t": t} for z, t in places]
    assert [feature["properties"]["image"] for feature in features] == [0, 1, 2, 3]
    assert {feature["properties"]["label"] for feature in features} == {1}


def test_nothing_is_a_collection_of_nothing():
    assert collection(np.zeros((1, 3, 3), np.uint8)) == []


def test_a_stack_of_one_has_a_plane():
    [feature] = collection(CELL, stacked=True)
    assert feature["geometry"]["plane"] == {"c": -1, "z": 0, "t": 0}


def test_geojson_is_not_read():
    with pytest.raises(UnsupportedMediaType, match="holds no image"):
        GeoJson().decode(b"{}", 1)


def test_napari_gets_one_column_of_each_property():
    """As napari-geojson flattens them: a name twice would make columns of unequal length."""
    features = collection(
        np.array([[[1, 0, 2]]], np.uint8), classes=3, known=Calibration(x=1, y=1, unit="µm")
    )
    for feature in features:
        names = [
            *feature["properties"],
            *(of["name"] for of in feature["properties"]["measurements"]),
        ]
        assert len({*names}) == len(names)
        assert feature["geometry"]["type"] == "Polygon", "it reads no MultiPolygon"
