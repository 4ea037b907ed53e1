"""Graphs are compared with what they were made of, and what differs is not taken."""

import logging
from dataclasses import replace

import keras
import numpy as np
import openvino as ov
import pytest
import tensorflow as tf
from keras import layers as L

from segmentation.errors import ModelError
from segmentation.networks import openvino, probe, unet
from segmentation.networks.conversion import convert, fusing, load, readers
from segmentation.networks.conversion.ports import graph_ports
from support.sources import kinds, straight


def same(filters=2, size=3, **options):
    return L.Conv2D(filters, size, padding="same", **options)


def assert_same(model, atol):
    """In a size in which it was not compared before."""
    image = probe.picture(36, 84, 1)
    values = openvino.network(load.of_keras(model), "float32", None).run(image)
    np.testing.assert_allclose(values, model(image), atol=atol)


def test_any_layers():
    """What is derived from weights, operations, a model called twice."""
    first = L.Normalization(axis=None)
    first.adapt(np.linspace(0, 1, 50))
    image = keras.Input((None, None, 1))
    x = skip = L.BatchNormalization()(same(activation="relu")(first(image)))
    twice = keras.Sequential([keras.Input((None, None, 2)), same()])
    x = same(1, 1, activation="sigmoid")(twice(twice(keras.ops.relu(same()(x)) + skip)))
    assert_same(keras.Model(image, x), atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_what_was_trained_in_16_bits_is_computed_as_any_other(policy):
    keras.utils.set_random_seed(1)
    keras.config.set_dtype_policy(policy)
    try:
        model = unet.build(8)
    finally:
        keras.config.set_dtype_policy("float32")
    source = load.of_keras(model)
    assert (source.geometry.reach, kinds(source)["ConvolutionBackpropData"]) == (123, 4)
    image = probe.picture(48, 80, 1)
    values = openvino.network(source, "float32", None).run(image)
    np.testing.assert_allclose(values, model(image), atol=0.05)


@pytest.mark.parametrize(
    "chain",
    [
        [L.ZeroPadding2D(2), same(1, 5), L.Cropping2D(2)],
        [L.ZeroPadding2D(1), L.AveragePooling2D(3, 1, padding="same"), L.Cropping2D(1)],
    ],
    ids=["convolution", "pooling"],
)
def test_a_border_before_a_window_of_the_same_size(chain):
    assert_same(straight(*chain), atol=1e-5)


def test_what_openvino_runs_otherwise_is_refused():
    """It fuses a border with the window after it, and forgets what ``same`` means there."""
    strided = [L.ZeroPadding2D(2), same(1, strides=2), L.UpSampling2D(2), L.Cropping2D(2)]
    source = load.of_keras(straight(*strided))
    assert source.graph is None
    assert "its graph does not do what it does" in source.unconverted


@pytest.mark.parametrize("rate", [2, 3])
@pytest.mark.parametrize("kind", [L.Conv2D, L.SeparableConv2D])
def test_dilation_is_a_dilation(rate, kind):
    model = straight(kind(1, 3, dilation_rate=rate, padding="same"))
    assert_same(model, atol=1e-5)
    assert not kinds(load.of_keras(model))["SpaceToBatch"]


class Halved(keras.Model):
    """Not what its layers are."""

    def __init__(self):
        image = keras.Input((None, None, 1))
        super().__init__(image, same(activation="sigmoid")(image))

    def call(self, inputs, training=None, mask=None):
        return 0.5 * super().call(inputs, training=training, mask=mask)


def test_a_model_is_what_its_call_does():
    assert_same(Halved(), atol=1e-5)


def reading(graph, source):
    return readers.Reading(graph, "", lambda own: [source(own)], "", *graph_ports(graph))


def doubling():
    images = ov.opset15.parameter([-1, -1, -1, 1], ov.Type.f32)
    return ov.Model([ov.opset15.multiply(images, np.float32(2))], [images])


def test_a_graph_that_differs_from_its_source_is_refused():
    conversion = convert.convert(reading(doubling(), lambda images: 2.1 * images), "it")
    assert conversion.graph is None
    assert "its graph differs from it by 0.1 on a picture" in conversion.unconverted
    assert convert.convert(reading(doubling(), lambda images: 2 * images), "it").graph is not None


def test_logits_may_differ_by_what_makes_as_much_of_a_probability():
    def convolved(images):
        weights = np.full((1, 1, 1, 1), 4, np.float32)
        value = ov.opset15.transpose(images, [0, 3, 1, 2])
        value = ov.opset15.convolution(value, weights, [1, 1], [0, 0], [0, 0], [1, 1])
        return ov.opset15.transpose(value, [0, 2, 3, 1])

    images = ov.opset15.parameter([-1, -1, -1, 1], ov.Type.f32)
    graph = ov.Model([convolved(images)], [images])
    assert convert.convert(reading(graph, lambda x: 4 * x + 0.003), "it").graph is not None
    assert convert.convert(reading(graph, lambda x: 4 * x + 0.03), "it").graph is None


@pytest.mark.parametrize(
    ("apart", "alone", "taken"), [(0.004, True, True), (0.004, False, False), (0.1, True, False)]
)
def test_a_network_in_8_bits_may_differ_by_a_step(apart, alone, taken):
    """Where nothing else can serve it: in a few pixels a step of 1/256 is another one."""
    images = ov.opset15.parameter([-1, -1, -1, 1], ov.Type.f32)
    ends = [np.float32(end) for end in (0, 1, 0, 1)]
    graph = ov.Model([ov.opset15.fake_quantize(images, *ends, 256)], [images])

    def source(own):
        values = own.copy()
        values[:, :8] += apart
        return values

    known = replace(reading(graph, source), graph_alone=alone)
    assert (convert.convert(known, "it").graph is not None) == taken


def test_a_graph_that_fails_is_refused():
    with pytest.raises(ModelError, match="gives NaN or infinity"):
        load.of_keras(straight(L.Rescaling(np.inf)))


def test_a_mask_of_another_size_is_refused():
    message = r"gives .* \(\?, \?, \?, 2\): no image of a size that was tried"
    with pytest.raises(ModelError, match=message):
        load.of_keras(straight(L.Conv2D(2, 3, strides=40)))


transposed = fusing._transposed


def zeros(*arguments):
    return ov.opset15.multiply(transposed(*arguments), np.float32(0))


def fails(*_):
    raise RuntimeError("does not fit")


@pytest.mark.parametrize(("wrong", "why"), [(zeros, "something else"), (fails, "does not fit")])
def test_what_would_be_wrong_or_fail_is_not_fused(monkeypatch, caplog, wrong, why):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(fusing, "_transposed", wrong)
    model = straight(L.MaxPooling2D(2), L.UpSampling2D(2), same())
    source = load.of_keras(model)
    assert (kinds(source)["ConvolutionBackpropData"], kinds(source)["Convolution"]) == (0, 1)
    assert_same(model, atol=1e-5)
    assert "its upsamplings stay as they are" in caplog.text
    assert why in caplog.text


@pytest.mark.parametrize("compared", [True, False])
def test_the_logarithm_of_a_softmax_must_be_compared(tmp_path, compared):
    """OpenVINO reads it along another axis: TensorFlow runs it, or nothing does."""
    weights = np.random.default_rng(0).normal(0, 1, (3, 3, 1, 3)).astype(np.float32)

    def run(x):
        x = x if compared else tf.debugging.check_numerics(x, "not a list of pure functions")
        return tf.raw_ops.LogSoftmax(logits=tf.nn.conv2d(x, weights, 1, "SAME"))

    module = tf.Module()
    signature = [tf.TensorSpec((None, None, None, 1), tf.float32)]
    module.run = tf.function(run, input_signature=signature)
    tf.saved_model.save(module, str(tmp_path / "1"), signatures=module.run)
    reading = readers.read(tmp_path / "1", tmp_path)
    if compared:
        assert "its graph differs from it" in convert.convert(reading, "1").unconverted
        return
    with pytest.raises(ModelError, match=r"has a LogSoftmax, which .* operations CheckNumerics;"):
        convert.convert(reading, "1")
