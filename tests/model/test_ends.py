"""What the first and the last operations of a graph tell, in ways that other makers write them."""

from dataclasses import dataclass, replace

import numpy as np
import openvino as ov
import pytest
from openvino import opset15 as ops

from segmentation.errors import ModelError
from segmentation.networks import meaning, trained
from segmentation.networks.conversion import convert, ends, load, readers
from segmentation.networks.conversion.ports import graph_ports
from segmentation.networks.network import Description, Ends, Geometry
from segmentation.running.segmenter import make
from segmentation.spec import ModelSpec

CHANNELS_FIRST = [-1, 1, -1, -1]


def convolved(value, classes, size=1, stride=1):
    """A convolution with weights that are always the same."""
    channels = value.get_partial_shape()[1].get_length()
    rng = np.random.default_rng(size)
    weights = rng.normal(0.1, 0.5, (classes, channels, size, size)).astype(np.float32)
    pads = [size // 2] * 2
    return ops.convolution(value, weights, [stride] * 2, pads, pads, [1, 1]).output(0)


def blurred(value):
    """A convolution without a weight below 0."""
    channels = value.get_partial_shape()[1].get_length()
    weights = np.full((1, channels, 3, 3), 1 / 9, np.float32)
    return ops.convolution(value, weights, [1, 1], [1, 1], [1, 1], [1, 1]).output(0)


def graph_of(last, first=lambda image: image, kind=ov.Type.f32):
    """A network (N, 1, H, W) -> (N, K, H, W) that begins and ends in a way."""
    image = ops.parameter(ov.PartialShape(CHANNELS_FIRST), kind)
    return ov.Model([ops.result(last(first(image.output(0))))], [image])


def joined(*values):
    return ops.concat(list(values), 1).output(0)


def softmaxed(value):
    return ops.softmax(convolved(value, 2), 1).output(0)


def part(value, begin, end):
    """Some of the classes."""
    at = [np.array([number]) for number in (begin, end, 1, 1)]
    return ops.slice(value, *at).output(0)


LAST = {
    "sub-pixels": (lambda x: ops.depth_to_space(convolved(x, 4), "blocks_first", 2), "linear"),
    "sum": (lambda x: ops.add(convolved(x, 1), convolved(x, 1, 3)), "linear"),
    "heads": (lambda x: joined(convolved(x, 1), convolved(x, 2, 3)), "linear"),
    "residual block": (lambda x: ops.add(convolved(x, 1), ops.relu(convolved(x, 1, 3))), "linear"),
    "probability added": (lambda x: ops.add(convolved(x, 1), ops.sigmoid(convolved(x, 1))), ""),
    "image added": (lambda x: ops.add(convolved(x, 1), x), ""),
    "one head of others": (lambda x: joined(convolved(x, 1), ops.sigmoid(convolved(x, 1))), ""),
    "logarithms": (lambda x: ops.log_softmax(convolved(x, 3), 1), "linear"),
    "softmax": (softmaxed, "softmax"),
    "one class of softmax": (lambda x: part(softmaxed(x), 1, 2), ""),
    "a blurred mask": (lambda x: blurred(ops.sigmoid(convolved(x, 1)).output(0)), ""),
    "a sharpened mask": (lambda x: convolved(ops.sigmoid(convolved(x, 1)).output(0), 1, 3), ""),
    "a hidden layer": (lambda x: convolved(ops.sigmoid(convolved(x, 4)).output(0), 1), "linear"),
    "classes that are put together": (lambda x: blurred(softmaxed(x)), ""),
    "hidden probabilities": (
        lambda x: convolved(ops.sigmoid(convolved(x, 8)).output(0), 1),
        "linear",
    ),
    "one class of logarithms": (lambda x: part(ops.log_softmax(convolved(x, 3), 1), 1, 2), ""),
}


@pytest.mark.parametrize(("last", "activation"), LAST.values(), ids=LAST)
def test_what_it_ends_with(last, activation):
    assert ends.activation(graph_of(last).output(0)) == activation


def test_one_class_of_a_softmax_is_no_softmax_when_it_is_enlarged():
    """A softmax of one class would be 1 everywhere."""
    graph = graph_of(lambda x: part(softmaxed(convolved(x, 4, 3, 2)), 1, 2))
    reading = readers.Reading(graph, "", None, "by nothing", *graph_ports(graph))
    served = convert.convert(reading, "model")
    image = np.random.default_rng(1).random((1, 64, 64, 1), np.float32)
    values = ov.Core().compile_model(served.graph, "CPU")(image)[0]
    assert (served.form.factor, served.form.activation) == (2, "")
    assert values.max() < 1


def chosen(value, classes=3):
    """The index of the likeliest class."""
    best = ops.topk(convolved(value, classes), np.int64(1), 1, "max", "value", "i64")
    return best.output(1)


def times(value, factor, plus=0):
    """Multiplied and added to, in the type that it has."""
    kind = value.get_element_type().to_dtype().type
    return ops.add(ops.multiply(value, kind(factor)), kind(plus)).output(0)


def as_float(value):
    return ops.convert(value, "f32").output(0)


def in_8_bits(value):
    return ops.convert(value, "u8").output(0)


def sigmoid(value):
    return ops.sigmoid(convolved(value, 1)).output(0)


def above_a_half(value):
    return ops.greater(sigmoid(value), np.float32(0.5)).output(0)


def chosen_mask(value, inside, outside):
    return ops.select(above_a_half(value), np.uint8(inside), np.uint8(outside)).output(0)


def tanh(value):
    return ops.tanh(convolved(value, 1)).output(0)


# what it ends with, how many classes it gives the indices of, and between which numbers
SCALED = {
    "probabilities": (sigmoid, "sigmoid", None, None),
    "of 255": (lambda x: times(sigmoid(x), 255), "sigmoid", None, (0, 255)),
    "of 255, in 8 bits": (lambda x: in_8_bits(times(sigmoid(x), 255)), "sigmoid", None, (0, 255)),
    "of 255, limited": (
        lambda x: in_8_bits(ops.clamp(times(sigmoid(x), 255), 0, 255).output(0)),
        "sigmoid",
        None,
        (0, 255),
    ),
    "of 255, limited as TensorFlow Lite does": (
        lambda x: ops.relu(ops.minimum(times(sigmoid(x), 255), np.float32(255))),
        "sigmoid",
        None,
        (0, 255),
    ),
    "of -1 to 1": (lambda x: times(sigmoid(x), 2, -1), "sigmoid", None, (-1, 1)),
    "turned over": (lambda x: times(sigmoid(x), -1, 1), "sigmoid", None, None),
    "turned over, of 255": (lambda x: times(sigmoid(x), -255, 255), "sigmoid", None, (0, 255)),
    "a part of 0–1": (lambda x: times(sigmoid(x), 0.9, 0.05), "sigmoid", None, None),
    "tanh": (tanh, "", None, None),
    "tanh, as a sigmoid": (lambda x: times(tanh(x), 0.5, 0.5), "sigmoid", None, None),
    "tanh, of 255": (lambda x: times(tanh(x), 127.5, 127.5), "sigmoid", None, (0, 255)),
    "tanh, of -255 to 255": (lambda x: times(tanh(x), 255), "", None, None),
    "softmax of 100": (lambda x: times(softmaxed(x), 100), "softmax", None, (0, 100)),
    "half a softmax": (lambda x: times(softmaxed(x), 0.5), "", None, None),
    "its reciprocal": (lambda x: ops.divide(np.float32(1), sigmoid(x)), "", None, None),
    "scaled by pixels": (
        lambda x: ops.multiply(sigmoid(x), np.array([[[[1]], [[2]]]], np.float32)),
        "",
        None,
        None,
    ),
    "indices": (chosen, "", 3, None),
    "indices from 1": (lambda x: times(chosen(x), 1, 1), "", 3, (1, 3)),
    "shades of gray": (lambda x: in_8_bits(times(chosen(x), 127)), "", 3, (0, 254)),
    "indices turned over": (lambda x: times(chosen(x), -1, 2), "", 3, None),
    "indices that are limited": (lambda x: ops.clamp(as_float(chosen(x)), 0, 1), "", 2, None),
    "indices of which two are one": (
        lambda x: ops.relu(times(as_float(chosen(x)), 1, -1)),
        "",
        2,
        None,
    ),
    "squares of indices": (
        lambda x: ops.power(as_float(chosen(x, 4)), np.float32(2)),
        "",
        None,
        None,
    ),
    "what is most likely": (
        lambda x: ops.topk(softmaxed(x), np.int64(1), 1, "max", "value", "i64").output(0),
        "",
        None,
        None,
    ),
    "limited, of 255": (
        lambda x: times(ops.clamp(sigmoid(x), 0.05, 0.95).output(0), 255),
        "sigmoid",
        None,
        (0, 255),
    ),
    "a part of 0–255": (lambda x: times(sigmoid(x), 204, 25.5), "sigmoid", None, (0, 255)),
    "no usual range": (lambda x: times(sigmoid(x), 3, -1), "", None, None),
    "two classes of 255": (lambda x: times(chosen(x, 2), 255), "", 2, (0, 255)),
    "a mask of 255": (lambda x: chosen_mask(x, 255, 0), "", None, (0, 255)),
    "a mask of 0 inside": (lambda x: chosen_mask(x, 0, 255), "", None, (0, 255)),
    "a mask of 1": (lambda x: chosen_mask(x, 1, 0), "", None, None),
    "one-hot": (
        lambda x: ops.one_hot(chosen(x), np.int64(3), np.float32(1), np.float32(0), 1).output(0),
        "",
        None,
        None,
    ),
}


@pytest.mark.parametrize("name", SCALED)
def test_between_which_numbers_it_ends(name):
    last, *expected = SCALED[name]
    found = ends.of_graph(graph_of(last))
    assert [found.activation, found.labels, found.bounds] == expected


def served(graph, spec=None):
    reading = readers.Reading(graph, "", None, "by nothing", *graph_ports(graph))
    return make(load.of_reading(reading, "model", None), spec or ModelSpec())


@pytest.mark.parametrize(
    ("last", "plain"),
    [
        (lambda x: times(sigmoid(x), 255), sigmoid),
        (lambda x: in_8_bits(times(sigmoid(x), 255)), sigmoid),
        (lambda x: times(sigmoid(x), 2, -1), sigmoid),
        (lambda x: times(softmaxed(x), 100), softmaxed),
        (lambda x: times(chosen(x), 1, 1), chosen),
        (lambda x: in_8_bits(times(chosen(x), 127)), chosen),
        (lambda x: times(chosen(x, 2), 255), lambda x: chosen(x, 2)),
        (lambda x: chosen_mask(x, 255, 0), above_a_half),
    ],
)
def test_what_was_scaled_is_scaled_back(last, plain, caplog):
    image = np.random.default_rng(1).random((1, 64, 64, 1), np.float32)
    expected = served(graph_of(plain)).network.run(image)
    assert "which are taken for" not in caplog.text
    given = served(graph_of(last)).network.run(image)
    np.testing.assert_allclose(given, expected, atol=1 / 255)
    assert "which are taken for" in caplog.text


@dataclass(frozen=True)
class Shades(Description):
    """Gives a number for each class, in their order."""

    step: float

    def run(self, images):
        numbers = np.arange(images.shape[2], dtype=np.float32) * np.float32(self.step)
        return numbers.reshape(1, 1, -1, 1)


@pytest.mark.parametrize(("classes", "step"), [(5, 63), (10, 28), (18, 15), (50, 1 / 49)])
def test_scaled_indices_are_whole_again(classes, step):
    known = vars(Description("model", 1, None, None, 1, None, Geometry(1), Ends()))
    found = meaning.Meaning(labels=classes, bounds=(0, step * (classes - 1)))
    network = found.around(Shades(**known, step=step), known)
    given = network.run(np.zeros((1, 1, classes, 1), np.float32))
    np.testing.assert_array_equal(given[0, 0], np.eye(classes))


def divided(by):
    return lambda x: ops.divide(x, np.float32(by)).output(0)


def minus(number):
    return lambda x: ops.subtract(x, np.float32(number)).output(0)


def as_colors(x):
    return joined(x, x, x)


def tiled(x):
    return ops.tile(x, np.array([1, 3, 1, 1])).output(0)


def weighted(x, *weights):
    """The sum of channels, each with its weight."""
    kernel = np.array(weights, np.float32).reshape(1, -1, 1, 1)
    return ops.convolution(x, kernel, [1, 1], [0, 0], [0, 0], [1, 1]).output(0)


def rounded(kind):
    return lambda x: ops.convert(ops.convert(x, kind), "f32").output(0)


def limited(x, most):
    """As ONNX has Clip, and TensorFlow clip_by_value."""
    return ops.minimum(ops.maximum(x, np.float32(0)), np.float32(most)).output(0)


FIRST = {
    "8 bits": (divided(255), 255),
    "three of gray": (lambda x: divided(127.5)(as_colors(x)), 255),
    "three of gray, tiled": (lambda x: divided(255)(tiled(x)), 255),
    "the image goes on": (lambda x: joined(convolved(divided(255)(x), 1), x), 255),
    "16 bits": (divided(65535), 65535),
    "16 bits, signed": (lambda x: minus(1)(divided(32767.5)(x)), 65535),
    "uint8": (rounded("u8"), 255),
    "uint16": (rounded("u16"), 65535),
    "uint16, by 4095": (lambda x: divided(4095)(rounded("u16")(x)), 0),
    "uint16, by 65535": (lambda x: divided(65535)(rounded("u16")(x)), 65535),
    "8 bits, by a number of 16 bits": (
        lambda x: ops.divide(x, ops.convert(np.float16(255), "f32")).output(0),
        255,
    ),
    "8 bits, limited": (lambda x: divided(255)(limited(x, 255)), 255),
    "12 bits, limited": (lambda x: divided(4095)(limited(x, 4095)), 0),
    "int32, by 65535": (lambda x: divided(65535)(rounded("i32")(x)), 65535),
    "int64, by 4095": (lambda x: divided(4095)(rounded("i64")(x)), 0),
    "int32": (rounded("i32"), 255),
    "int8, which holds no 255": (rounded("i8"), 0),
    "rounded within": (lambda x: rounded("u8")(divided(1 / 255)(x)), 1),
    "12 bits": (divided(4095), 0),
    "a mean of colors": (lambda x: divided(255)(ops.reduce_mean(as_colors(x), [1], True)), 255),
    "pooled": (
        lambda x: divided(255)(ops.avg_pool(x, [1, 1], [0, 0], [0, 0], [3, 3], True)),
        255,
    ),
    "gray of colors": (lambda x: divided(255)(weighted(as_colors(x), 0.299, 0.587, 0.114)), 255),
    "gray of slices": (
        lambda x: ops.add(times(x, 0.299 / 255), times(x, 0.701 / 255)).output(0),
        255,
    ),
    "a sum of colors": (
        lambda x: divided(765)(ops.reduce_sum(as_colors(x), [1], True).output(0)),
        255,
    ),
    "without its mean": (
        lambda x: divided(255)(ops.subtract(x, ops.reduce_mean(x, [2, 3], True)).output(0)),
        255,
    ),
    "a first convolution": (lambda x: divided(255)(weighted(as_colors(x), 0.3, -0.6, 0.1)), 1),
    "a mean of 12 bits": (minus(1800), 0),
    "standardised": (lambda x: ops.subtract(x, ops.reduce_mean(x, [2, 3], True)).output(0), 1),
}


def test_numbers_that_were_rounded_within_are_no_labels():
    """As between the steps of a quantized network."""
    graph = graph_of(lambda x: divided(255)(rounded("u8")(ops.sigmoid(convolved(x, 1)).output(0))))
    assert ends.labels(graph.output(0)) is None
    whole = graph_of(lambda x: ops.convert(convolved(x, 1), "i32").output(0))
    assert ends.labels(whole.output(0)) == 0


@pytest.mark.parametrize(("first", "largest"), FIRST.values(), ids=FIRST)
def test_what_it_takes(first, largest):
    graph = graph_of(lambda x: ops.sigmoid(convolved(x, 1)).output(0), first)
    assert ends.of_graph(graph) == Ends(largest, "sigmoid")


def standardised(x, axes, epsilon=1e-7):
    away = ops.subtract(x, ops.reduce_mean(x, axes, True))
    squares = ops.reduce_mean(ops.multiply(away, away), axes, True)
    return ops.divide(away, ops.sqrt(ops.add(squares, np.float32(epsilon)))).output(0)


@pytest.mark.parametrize(
    ("first", "free"),
    [
        (lambda x: standardised(x, [2, 3]), True),
        (lambda x: standardised(x, [2, 3], 1e-3), False),
        (lambda x: ops.subtract(x, ops.reduce_max(x, [2, 3], True)).output(0), False),
        (lambda x: x, False),
    ],
    ids=["standardises", "but for an epsilon", "takes its largest away", "nothing"],
)
def test_what_standardises_is_not_asked_what_it_was_trained_on(first, free):
    segmenter = served(graph_of(lambda x: ops.sigmoid(convolved(x, 1)).output(0), first))
    assert segmenter.network.ends.any_scale is free
    assert bool(segmenter.remark) is not free


def test_numbers_that_are_no_probabilities_are_seen_where_they_come():
    """A picture of cells shows none of them."""
    graph = graph_of(lambda x: ops.power(x, np.float32(3)).output(0))
    network = served(graph).network
    bright = np.full((1, 32, 32, 1), 1.5, np.float32)
    with pytest.raises(ModelError, match=r"gives values from 3.38 to 3.38; probabilities are 0–1"):
        network.run(bright)
    assert network.run(bright / 1.4999).max() == 1  # but for rounding


def described(largest):
    return Description("cells.onnx", 1, None, None, 1, None, Geometry(1), Ends(largest, "sigmoid"))


def test_a_first_layer_for_16_bits_is_given_these():
    found = meaning.of(described(65535), ModelSpec())
    white = np.ones((1, 2, 2, 1), np.float32)
    np.testing.assert_array_equal(found.preprocessing.of_intensities(white), 65535 * white)
    assert "takes intensities of 0–65535, as its first layer tells" in found.assumed[0]
    assert not found.remark


def test_other_large_numbers_are_refused_until_model_json_says_them():
    found = meaning.of(described(0), ModelSpec()).preprocessing
    assert isinstance(found, trained.Unsettled)
    with pytest.raises(ModelError, match=r'larger numbers than 0–255, .*"gain": 4095.*16 bits'):
        found.fitted(None)
    spec = ModelSpec.parse(b'{"preprocessing": [{"id": "scale_linear", "kwargs": {"gain": 4095}}]}')
    assert meaning.of(described(0), spec).preprocessing is spec.preprocessing


def test_as_many_classes_as_pixels_along_a_side():
    """Then the shape alone does not tell which axis holds which."""
    image = ops.parameter(ov.PartialShape([1, 1, 8, 8]), ov.Type.f32)
    last = ops.softmax(convolved(image.output(0), 8), 1)
    reading = readers.Reading(ov.Model([last], [image]), "", None, "by nothing", [], [])
    inputs, outputs = graph_ports(reading.graph)
    reading = replace(reading, inputs=inputs, outputs=outputs)
    assert convert.convert(reading, "model").form.given == "bcyx"
