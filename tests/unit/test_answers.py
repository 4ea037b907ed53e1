"""What is answered: values of the probabilities of a network, and how pictures show them."""

import numpy as np
import pytest

from segmentation.answers import (
    ANSWERS,
    COLORS,
    Labels,
    Mask,
    Overlay,
    Polygons,
    Prediction,
    Preview,
    Probability,
    Table,
)
from segmentation.drawing import class_colors, outline
from segmentation.errors import RequestError
from segmentation.images import from_array
from segmentation.spec import ModelSpec

BACKGROUND = [0, 0, 0]


def probabilities(*pixels):
    """A row of pixels, each with the probabilities of all classes: (1, 1, W, K)."""
    return np.array(pixels, np.float32).reshape(1, 1, len(pixels), -1)


def test_threshold_is_exclusive():
    mask = Mask(0.5).of_tile(probabilities(0.4, 0.5, 0.6))
    assert mask.dtype == np.uint8
    assert mask.tolist() == [[[0, 0, 255]]]


def test_classes_are_indices():
    mask = Mask(classes=3).of_tile(probabilities([0.2, 0.5, 0.3], [0.6, 0.1, 0.3]))
    assert mask.dtype == np.uint8
    assert mask.tolist() == [[[1, 0]]]


def test_classes_that_overlap_have_a_plane_each():
    answer = Mask.wanted(0.4, ModelSpec(multilabel=True), 2)
    mask = answer.of_tile(probabilities([0.2, 0.5], [0.6, 0.7]))
    assert (mask.dtype, answer.bytes_per_pixel) == (np.uint8, 2)
    assert mask.tolist() == [[[[0, 255], [255, 255]]]]


def test_an_overlay_has_the_outlines_of_classes_that_overlap():
    answer = Overlay(classes=2, colors=("#000000", "#ff0000", "#00ff00"), multilabel=True)
    mask = answer.of_tile(probabilities([0.9, 0.1], [0.9, 0.9], [0.1, 0.1]))
    images = from_array(np.zeros((1, 3), np.uint8)).for_channels(1)
    [picture] = answer.planes(mask, images)
    assert picture.tolist() == [[BACKGROUND, [0, 255, 0], BACKGROUND]]


@pytest.mark.parametrize(
    ("classes", "dtype"), [(1, np.uint8), (256, np.uint8), (257, np.uint16), (300, np.uint16)]
)
def test_a_mask_has_room_for_all_classes(classes, dtype):
    last = np.eye(classes, dtype=np.float32)[-1]
    mask = Mask(classes=classes)
    tile = mask.of_tile(probabilities(last))
    assert (tile.dtype, mask.bytes_per_pixel) == (dtype, np.dtype(dtype).itemsize)
    assert tile.item() == (classes - 1 if classes > 1 else 255)


def test_probabilities_are_left_as_they_are():
    values = probabilities([0.25, 0.75])
    assert Probability(classes=2).of_tile(values) is values
    assert Probability(classes=2).bytes_per_pixel == values.nbytes


def test_the_threshold_of_the_request_comes_before_that_of_the_model():
    spec = ModelSpec(threshold=0.3)
    assert Mask.wanted(None, spec, 1).threshold == 0.3
    assert Mask.wanted(0.0, spec, 1).threshold == 0.0


@pytest.mark.parametrize("answer", [Mask, Overlay])
def test_several_classes_have_no_threshold(answer):
    with pytest.raises(RequestError, match=r"threshold is 0\.4; this model has 3 classes"):
        answer.wanted(0.4, ModelSpec(), 3)


def test_colours_are_those_of_the_model_if_it_has_some():
    named = ModelSpec(class_names=("back", "cell"), class_colors=("#000000", "#ff0000"))
    assert Overlay.wanted(None, named, 2).colors == ("#000000", "#ff0000")
    assert Overlay.wanted(None, ModelSpec(), 2).colors == COLORS


def test_answers_have_the_names_that_requests_use():
    assert ANSWERS["mask"] is Mask
    assert ANSWERS["probability"] is Probability
    assert ANSWERS["overlay"] is Overlay
    assert ANSWERS["labels"] is Labels
    assert ANSWERS["geojson"] is Polygons
    assert ANSWERS["table"] is Table
    assert ANSWERS["preview"] is Preview
    assert len(ANSWERS) == 7


def test_outline():
    mask = np.zeros((5, 5), np.uint8)
    mask[1:4, 1:4] = 255
    expected = mask > 0
    expected[2, 2] = False
    np.testing.assert_array_equal(outline(mask), expected)
    assert not outline(np.full((3, 3), 255, np.uint8)).any()


def test_class_colours():
    assert class_colors(np.array([0, 1, 2]), COLORS).tolist() == [
        BACKGROUND,
        [0xFF, 0xD4, 0x00],
        [0x00, 0x72, 0xB2],
    ]


@pytest.mark.parametrize("colors", [COLORS, ("#000000", "#ff0000"), ("#000000",)])
def test_no_class_has_the_colour_of_the_background(colors):
    drawn = class_colors(np.arange(300, dtype=np.uint16), colors).tolist()
    assert drawn[0] == BACKGROUND
    assert BACKGROUND not in drawn[1:]


def test_no_outline_of_a_class_is_drawn_in_the_colour_of_the_background():
    classes = 3 * len(COLORS)
    mask = np.arange(classes, dtype=np.uint8).reshape(1, 1, -1)
    images = from_array(np.full((1, classes), 100, np.uint8), axes="HW")
    drawn = Overlay(classes=classes).planes(mask, images)[0, 0].tolist()
    assert drawn[0] == [100, 100, 100]
    assert BACKGROUND not in drawn


def test_an_overlay_shows_the_colours_of_the_image():
    rgb = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    images = from_array(rgb, axes="HWC")
    drawn = Overlay().planes(np.zeros((1, 2, 2), np.uint8), images)
    np.testing.assert_array_equal(drawn[0], rgb)


def test_an_overlay_of_16_bits_is_drawn_in_8():
    images = from_array(np.array([[0, 257, 65_535]], np.uint16), axes="HW")
    drawn = Overlay().planes(np.zeros((1, 1, 3), np.uint8), images)
    assert drawn[0, 0, :, 0].tolist() == [0, 1, 255]


def test_each_class_is_a_plane():
    values = np.random.default_rng(0).random((2, 4, 3, 5), np.float32)
    images = from_array(np.zeros((2, 4, 3), np.uint8), axes="NHW")
    made = Prediction(values, Probability(classes=5), images)
    assert made.plane_count == 10
    np.testing.assert_array_equal(made.planes[7], values[1, ..., 2])


@pytest.mark.parametrize(
    ("axes", "values", "shape"),
    [
        ("HW", (1, 4, 3), (4, 3)),
        ("HWC", (1, 4, 3, 1), (4, 3)),
        ("NHW", (1, 4, 3, 1), (1, 4, 3)),
        ("NHWC", (2, 4, 3, 5), (2, 4, 3, 5)),
    ],
)
def test_an_array_has_the_leading_axes_of_the_request(axes, values, shape):
    sizes = {"N": values[0], "H": 4, "W": 3, "C": 1}
    images = from_array(np.zeros([sizes[axis] for axis in axes], np.uint8), axes=axes)
    made = Prediction(np.zeros(values, np.float32), Probability(), images)
    assert np.asarray(made).shape == shape


DOTS = np.array([[[255, 0, 255, 255]], [[0, 0, 255, 0]]], np.uint8)


def test_labels_go_from_one_in_each_image():
    labels = Labels().finished(DOTS)
    assert labels.dtype == np.uint16
    assert labels.tolist() == [[[1, 0, 2, 2]], [[0, 0, 1, 0]]]


def test_labels_of_each_class():
    assert Labels(classes=3).finished(np.array([[[2, 1, 1, 0, 2]]])).tolist() == [[[1, 2, 2, 0, 3]]]


def test_labels_of_classes_that_overlap_have_a_plane_each():
    mask = np.stack([DOTS, 255 - DOTS], axis=-1)
    labels = Labels(classes=2, multilabel=True).finished(mask)
    assert labels[0, 0].tolist() == [[1, 0], [0, 1], [2, 0], [2, 0]]
    assert labels[1, 0].tolist() == [[0, 1], [0, 1], [1, 0], [0, 2]]


@pytest.mark.parametrize(("count", "dtype"), [(65_535, np.uint16), (65_536, np.uint32)])
def test_labels_have_room_for_all(count, dtype):
    dots = np.arange(256 * 257).reshape(256, 257) < count
    mask = np.zeros((1, 2 * 256, 2 * 257), np.uint8)
    mask[0, ::2, ::2] = 255 * dots
    labels = Labels().finished(mask)
    assert (labels.dtype, labels.max()) == (dtype, count)


@pytest.mark.parametrize("kind", [Mask, Overlay, Labels, Polygons, Table])
def test_small_components_are_no_part_of_an_answer(kind):
    finished = kind.wanted(None, ModelSpec(), 1, 2).finished(DOTS.copy())
    assert (finished > 0).tolist() == [[[False, False, True, True]], [[False] * 4]]


def test_small_components_of_a_class_are_background():
    mask = np.array([[[1, 1, 2, 1, 1]]], np.uint8)
    assert Mask(classes=3, minimum=2).finished(mask).tolist() == [[[1, 1, 0, 1, 1]]]


def test_probabilities_have_no_components():
    with pytest.raises(RequestError, match=r"minimum is 20; .* ask for another output"):
        Probability.wanted(None, ModelSpec(), 1, 20)


def test_a_mask_without_a_minimum_is_left_as_it_is():
    assert Mask().finished(DOTS) is DOTS


def test_what_finding_components_takes_is_told():
    costs = [kind().bytes_per_pixel for kind in (Mask, Table, Labels)]
    assert costs == [1, 6, 10]
    assert Mask(minimum=2).bytes_per_pixel == 6
    assert Labels(classes=3, multilabel=True).bytes_per_pixel == 30
    assert Labels(classes=3).bytes_per_pixel == 14


def test_only_indices_of_classes_have_a_palette():
    colors = ("#000000", "#ff0000", "#00ff00")
    assert Mask(classes=3, colors=colors).palette.tolist() == [[0, 0, 0], [255, 0, 0], [0, 255, 0]]
    for other in (Mask(colors=colors), Labels(classes=3, colors=colors), Mask(classes=3)):
        assert other.palette is None
    assert Mask(classes=3, colors=colors, multilabel=True).palette is None
    assert Probability(classes=3, colors=colors).palette is None


def test_what_classes_are_called():
    assert Mask().class_name(1) == "foreground"
    assert Mask(classes=3).class_name(2) == "class 2"
    assert Mask(names=("back", "cell")).class_name(1) == "cell"


def test_a_preview_is_the_image_in_8_bits():
    gray = from_array(np.array([[0, 257, 65_535]], np.uint16), axes="HW").for_channels(3)
    shown = Preview(classes=3).of_images(gray)
    assert (shown.dtype, shown.tolist()) == (np.uint8, [[[0, 1, 255]]])
    rgb = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    colour = from_array(rgb, axes="NHWC").for_channels(3)
    np.testing.assert_array_equal(Preview().of_images(colour), rgb)
    made = Prediction(rgb, Preview(), colour)
    assert made.plane_count == 1
    np.testing.assert_array_equal(made.planes, rgb)


def test_a_preview_has_no_components():
    with pytest.raises(RequestError, match=r"minimum is 20; .* ask for another output"):
        Preview.wanted(None, ModelSpec(), 1, 20)


def test_what_an_answer_was_made_of_is_described():
    images = from_array(np.zeros((2, 4, 3), np.uint8), axes="NHW")
    answer = Mask.wanted(0.4, ModelSpec(class_names=("back", "cell")), 1)
    made = Prediction(np.zeros((2, 4, 3), np.uint8), answer, images, 6, 1.23456)
    assert made.description == {
        "output": "mask",
        "shape": [2, 4, 3],
        "threshold": 0.4,
        "minimum": 1,
        "multilabel": False,
        "classes": [
            {"name": "back", "color": "#000000"},
            {"name": "cell", "color": "#ffd400"},
        ],
        "tiles": 6,
        "seconds": 1.235,
        "pixel_um": None,
    }


@pytest.mark.parametrize(
    ("classes", "multilabel", "count"), [(1, False, 2), (3, False, 3), (3, True, 4)]
)
def test_classes_of_a_description_have_the_background_first(classes, multilabel, count):
    images = from_array(np.zeros((4, 3), np.uint8), axes="HW")
    answer = Mask(classes=classes, multilabel=multilabel)
    described = Prediction(np.zeros((1, 4, 3, classes)), answer, images).description["classes"]
    assert len(described) == count
    assert described[0] == {"name": "background", "color": "#000000"}
