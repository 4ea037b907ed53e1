"""Upsamplings in graphs: found however they are written, and fused with what reads them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from segmentation.networks import openvino, probe, unet
from segmentation.networks.conversion import load
from support import sources
from support.sources import kinds

SIDES = [(1, 1), (1, 5), (7, 4)]  # in strides: not square, and odd
FUSED, UPSAMPLINGS = "ConvolutionBackpropData", ("Interpolate", "Tile", "Broadcast")


def noise(*shape):
    return np.random.default_rng(5).normal(size=shape).astype(np.float32)


def randomized(network):
    """Random weights; variances are positive."""
    for weight in network.weights:
        values = noise(*weight.shape)
        weight.assign(abs(values) + 0.5 if weight.name == "moving_variance" else values)
    return network


def convolution(size=3, filters=3, **options):
    return L.Conv2D(filters, size, **{"padding": "same"} | options)


def straight(*chain, size=(None, None)):
    return randomized(sources.straight(*chain, size=size, channels=2))


def upsampled(*chain, factor=2):
    """Pooled, upsampled, and whatever comes after that."""
    return straight(L.AveragePooling2D(factor), L.UpSampling2D(factor), *chain)


def fused(source):
    """How many convolutions are fused, if no upsampling is left."""
    found = kinds(source)
    assert not any(found[kind] for kind in UPSAMPLINGS), found
    return found[FUSED]


def assert_same(source, model, least=1):
    """A graph gives what its model gives; for images of so many strides at least."""
    network = openvino.network(source, "float32", None)
    for sides in SIDES:
        size = [max(side, least) * source.geometry.stride for side in sides]
        images = noise(2, *size, source.channels)
        expected = model(images)
        assert network.run(images).shape == expected.shape
        scale = np.abs(expected).max()
        np.testing.assert_allclose(network.run(images) / scale, expected / scale, atol=1e-5)


def converted(model, least=1):
    source = load.of_keras(model)
    assert_same(source, model, least)
    return source


# --- of Keras


@pytest.mark.parametrize("size", [(3, 3), (2, 2), (5, 5), (4, 4), (2, 3), (3, 1), (1, 3), (6, 7)])
def test_upsampling_and_a_convolution_are_one(size):
    assert fused(converted(upsampled(convolution(size)))) == 1


@pytest.mark.parametrize("options", [{"use_bias": False}, {"activation": "softmax"}])
def test_they_are_whatever_comes_after_the_window(options):
    assert fused(converted(upsampled(convolution(**options)))) == 1


@pytest.mark.parametrize("factor", [2, 3, 4, (2, 3), (1, 2), (3, 1)])
def test_any_factor(factor):
    assert fused(converted(upsampled(convolution(), factor=factor))) == 1


def test_doubling_twice_is_one_upsampling():
    model = straight(L.AveragePooling2D(4), L.UpSampling2D(2), L.UpSampling2D(2), convolution())
    assert fused(converted(model)) == 1


@pytest.mark.parametrize(("size", "border"), [(3, 1), ((5, 4), ((1, 3), (2, 1)))])
def test_a_window_that_stays_inside(size, border):
    model = upsampled(convolution(size, padding="valid"), L.ZeroPadding2D(border))
    assert fused(converted(model, least=3)) == 1


def test_a_window_of_three_needs_sixteen_multiplications():
    source = load.of_keras(upsampled(convolution(filters=3)))
    [node] = [node for node in source.graph.get_ops() if node.get_type_name() == FUSED]
    assert list(node.input_value(1).get_shape()) == [2, 3, 4, 4]  # (C, K, h, w)


@pytest.mark.parametrize("size", [(12, 16), (12, None)])
def test_sizes_that_are_fixed(size):
    model = straight(L.AveragePooling2D(2), L.UpSampling2D(2), convolution(), size=size)
    source = load.of_keras(model)
    images = noise(2, *(side or 22 for side in size), 2)
    values = openvino.network(source, "float32", None).run(images)
    np.testing.assert_allclose(values, model(images), atol=1e-5)
    assert fused(source) == 1


@pytest.mark.parametrize(
    "chain",
    [
        [convolution(1)],
        [L.ReLU(), convolution()],
        [L.UpSampling2D(2), convolution(strides=2)],
        [convolution(dilation_rate=2)],
        [convolution(filters=4, groups=2)],
        [L.SeparableConv2D(2, 3, padding="same")],
        [L.Conv2DTranspose(2, 3, padding="same", name="transposed")],
    ],
    ids=["1x1", "not beside it", "strides", "dilation", "groups", "separable", "transposed"],
)
def test_other_convolutions_stay_as_they_are(chain):
    found = kinds(converted(upsampled(*chain)))
    assert found[FUSED] == (chain[-1].name == "transposed")  # which is none of ours
    assert any(found[kind] for kind in UPSAMPLINGS)


@pytest.mark.parametrize(
    "chain",
    [
        [L.ZeroPadding2D(1), convolution(padding="valid")],
        [L.ZeroPadding2D(3), convolution(padding="valid"), L.Cropping2D(2)],
        [L.ZeroPadding2D(1), convolution(), L.Cropping2D(1)],
        [L.Cropping2D(1), convolution(), L.ZeroPadding2D(1)],
    ],
    ids=["border", "wide border", "border, same", "cropped"],
)
def test_a_border_or_a_cut_in_between(chain):
    converted(upsampled(*chain), least=2)


def test_interpolation_stays_as_it_is():
    upsampling = L.UpSampling2D(2, interpolation="bilinear")
    found = kinds(converted(straight(L.AveragePooling2D(2), upsampling, convolution())))
    assert (found["Interpolate"], found[FUSED]) == (1, 0)


# --- beside other layers


def functional(*parts):
    """A model of an image with two channels, from its half-sized copy and itself."""
    image = keras.Input((None, None, 2))
    small = L.MaxPooling2D(4)(image)
    return randomized(keras.Model(image, parts[0](small, image)))


def test_a_convolution_of_joined_tensors_is_split():
    def build(small, image):
        large, skip = L.UpSampling2D(4)(small), convolution(filters=4)(image)
        larger = L.UpSampling2D(2)(L.AveragePooling2D(2)(image))
        return convolution((3, 5))(L.Concatenate()([large, skip, larger]))

    found = converted(functional(build))
    assert fused(found) == 2
    assert kinds(found)["Convolution"] == 2  # of the skip, before and after it is joined


def test_an_upsampling_that_two_convolutions_read():
    def build(small, image):
        large = L.UpSampling2D(4)(small)
        return L.Add()([convolution(3)(large), convolution(5)(large)])

    assert fused(converted(functional(build))) == 2


def test_an_upsampling_that_others_read_stays_for_them():
    def build(small, image):
        large = L.UpSampling2D(4)(small)
        return L.Concatenate()([convolution(3)(large), L.ReLU()(large)])

    assert kinds(converted(functional(build)))[FUSED] == 1


def test_layers_that_are_called_twice():
    def build(small, image):
        upsampling, same = L.UpSampling2D(2), convolution(filters=2)
        return same(upsampling(same(upsampling(small))))

    assert fused(converted(functional(build))) == 2


def test_models_within_models():
    def build(small, image):
        inner = [keras.Input((None, None, 2)), L.UpSampling2D(2), convolution(filters=2)]
        return keras.Sequential(inner)(convolution(filters=2)(L.UpSampling2D(2)(small)))

    assert fused(converted(functional(build))) == 2


def test_a_unet():
    model = unet.build(2)
    source = load.of_keras(model)
    image = probe.picture(48, 80, 1)
    values = openvino.network(source, "float32", None).run(image)
    np.testing.assert_allclose(values, model(image), atol=1e-5)
    assert (source.geometry.reach, fused(source)) == (123, 4)


# --- of TensorFlow


class Resizing(tf.Module):
    """Half the size and back, then a convolution."""

    def __init__(self, method, to):
        super().__init__()
        self._kernel, self._method, self._to = tf.Variable(noise(3, 3, 2, 3)), method, to

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 2), tf.float32)])
    def __call__(self, images):
        small = tf.nn.avg_pool2d(images, 2, 2, "VALID")
        size = {
            "twice its size": 2 * tf.shape(small)[1:3],
            "the image's size": tf.shape(images)[1:3],
        }[self._to]
        large = tf.image.resize(small, size, self._method)
        return tf.nn.conv2d(large, self._kernel, 1, "SAME")


class ImagePooling(tf.Module):
    """What is the same everywhere, beside an upsampling."""

    def __init__(self):
        super().__init__()
        self._kernel = tf.Variable(noise(3, 3, 4, 3))

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 2), tf.float32)])
    def __call__(self, images):
        size = tf.shape(images)[1:3]
        mean = tf.reduce_mean(images, (1, 2), keepdims=True)
        small = tf.nn.avg_pool2d(images, 2, 2, "VALID")
        parts = [tf.image.resize(part, size, "nearest") for part in (mean, small)]
        return tf.nn.conv2d(tf.concat(parts, -1), self._kernel, 1, "SAME")


def source_of(module, folder):
    source = sources.of_module(module, folder)
    assert_same(source, module)
    return source


def test_resizing_to_the_nearest_pixel_is_an_upsampling(tmp_path):
    assert fused(source_of(Resizing("nearest", "twice its size"), tmp_path)) == 1


def test_resizing_to_the_size_of_the_image_is_none_where_that_is_odd(tmp_path):
    module = Resizing("nearest", "the image's size")
    source = source_of(module, tmp_path)
    assert source.geometry.any_size
    images = noise(1, 31, 45, 2)
    values = openvino.network(source, "float32", None).run(images)
    np.testing.assert_allclose(values, module(images), atol=1e-5)
    assert (kinds(source)["Interpolate"], kinds(source)[FUSED]) == (1, 0)


def test_other_resizing_stays_as_it_is(tmp_path):
    found = kinds(source_of(Resizing("bilinear", "twice its size"), tmp_path))
    assert (found["Interpolate"], found[FUSED]) == (1, 0)


def test_one_pixel_for_the_whole_image_is_no_upsampling(tmp_path):
    assert source_of(ImagePooling(), tmp_path).geometry.everywhere
