"""What a graph tells of a network, against what the network does when one pixel changes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from segmentation.answers import Probability
from segmentation.images import from_array
from segmentation.networks import openvino, unet
from segmentation.networks.conversion import convert, readers
from segmentation.networks.conversion.load import of_keras
from segmentation.networks.network import Geometry
from segmentation.networks.tune import Computing
from segmentation.running.predict import predict
from segmentation.running.segmenter import make, prepare
from segmentation.spec import ModelSpec
from support.sources import of_module, straight

FREE = (None, None)


def same(filters=1, size=3, **options):
    return L.Conv2D(filters, size, padding="same", **options)


def residual():
    """Two branches of the same stride count once."""
    image = keras.Input((None, None, 1))
    a = same(2)(same(2, strides=2)(image))
    b = L.Conv2D(2, 1, strides=2)(image)
    return keras.Model(image, L.UpSampling2D(2)(L.Add()([a, b])))


def nested():
    encoder = straight(same(2), L.MaxPooling2D(2), L.MaxPooling2D(2))
    return straight(encoder, L.UpSampling2D(4), same())


def pooled(*chain, size=FREE, **options):
    """A convolution, then the mean of the whole image, as some layers change it; multiplied."""
    image = keras.Input((*size, 1))
    x = same(4)(image)
    mean = L.GlobalAveragePooling2D(**options)(x)
    for layer in chain:
        mean = layer(mean)
    return keras.Model(image, L.Conv2D(1, 1)(L.Multiply()([x, mean])))


def levels(size=FREE):
    """What a pixel sees depends on where it lies in the grid of the coarsest level."""
    down = [same(), L.MaxPooling2D(2), same(), L.MaxPooling2D(2), same()]
    return straight(*down, L.UpSampling2D(2), same(), L.UpSampling2D(2), same(), size=size)


NETWORKS = {
    "convolution": lambda: straight(same(1, 5)),
    "even": lambda: straight(same(1, 4)),
    "dilated": lambda: straight(same(dilation_rate=3)),
    "dilated, separable": lambda: straight(
        L.SeparableConv2D(1, 3, dilation_rate=2, padding="same"), L.SeparableConv2D(1, 1)
    ),
    "flat": lambda: straight(same(1, (1, 7))),
    "separable": lambda: straight(L.SeparableConv2D(1, 3, padding="same")),
    "groups": lambda: straight(same(4, 1), same(4, 3, groups=2), same(1, 1)),
    "pooling": lambda: straight(L.AveragePooling2D(2), L.UpSampling2D(2)),
    "overlapping pooling": lambda: straight(
        L.AveragePooling2D(3, strides=2, padding="same"), L.UpSampling2D(2)
    ),
    "largest": lambda: straight(L.MaxPooling2D(3, 1, padding="same"), L.MaxPooling2D(2, 1, "same")),
    "three": lambda: straight(L.AveragePooling2D(3), L.UpSampling2D(3), same()),
    "bilinear": lambda: straight(
        L.AveragePooling2D(4), L.UpSampling2D(4, interpolation="bilinear")
    ),
    "transposed": lambda: straight(same(strides=2), L.Conv2DTranspose(1, 3, 2, padding="same")),
    "transposed, wide": lambda: straight(
        L.AveragePooling2D(4), L.Conv2DTranspose(1, 8, 4, padding="same")
    ),
    "padding": lambda: straight(L.ZeroPadding2D(2), L.Conv2D(1, 5)),
    "padding at one side": lambda: straight(L.ZeroPadding2D(((4, 0), (0, 4))), L.Conv2D(1, 5)),
    "cropping": lambda: straight(L.ZeroPadding2D(8), same(1, 5), L.Cropping2D(8)),
    "residual": residual,
    "nested": nested,
    "pointwise": lambda: straight(same(4), L.PReLU(shared_axes=[1, 2]), L.Dense(1)),
    "levels": levels,
    "fixed": lambda: levels((48, 64)),
    "one side fixed": lambda: levels((48, None)),
}


def positive(model):
    """With positive weights no dependence cancels out."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            positive(layer)
        layer.set_weights([np.full_like(weight, 1.0) for weight in layer.get_weights()])
    return model


def measured_reach(network, size=64):
    """The largest distance at which a changed input pixel changes the output."""
    height, width = network.height or size, network.width or size
    reach = 0
    for shift in range(max(network.geometry.stride, 8)):
        images = np.zeros((2, height, width, 1), np.float32)
        place = np.array([height // 2 + shift, width // 2 + shift])
        images[1, *place] = 1
        before, after = network.run(images)
        changed = np.argwhere((before != after).any(axis=-1))
        reach = max(reach, np.abs(changed - place).max())
    return reach


@pytest.mark.parametrize("name", NETWORKS)
def test_what_a_network_does(name):
    network = openvino.network(of_keras(positive(NETWORKS[name]())), "float32", None)
    assert network.geometry.reach == measured_reach(network)
    assert not network.geometry.everywhere


STRIDES = {
    "residual": 2,
    "nested": 4,
    "flat": 1,
    "three": 3,
    "cropping": 1,
    "dilated": 1,
    "dilated, separable": 1,
    "fixed": 1,
    "one side fixed": 4,
}


@pytest.mark.parametrize(("name", "stride"), STRIDES.items())
def test_the_stride(name, stride):
    assert of_keras(NETWORKS[name]()).geometry.stride == stride


@pytest.mark.parametrize(
    "model",
    [
        lambda size: straight(same(4), L.GroupNormalization(2), same(), size=size),
        lambda size: straight(same(4), L.GroupNormalization(-1), same(), size=size),
        lambda size: straight(L.UnitNormalization(axis=[1, 2, 3]), size=size),
        lambda size: pooled(L.Reshape((1, 1, 4)), L.Dense(4, "sigmoid"), size=size),
        lambda size: pooled(L.Dense(2, "relu"), L.Dense(4), size=size, keepdims=True),
        lambda size: pooled(
            L.Conv2D(2, 1, activation="relu"), L.Conv2D(4, 1), size=size, keepdims=True
        ),
    ],
    ids=["groups", "instances", "length", "excite", "excite, kept", "excite, by convolutions"],
)
def test_what_looks_at_the_whole_image(model):
    assert of_keras(model(FREE)).geometry == Geometry(1, None, everywhere=True)
    fixed = of_keras(model((32, 48))).geometry  # no tile can be larger
    assert 23 <= fixed.reach <= 47
    assert not fixed.everywhere


@pytest.mark.parametrize("next_one", [L.MaxPool2D(), L.Conv2D(1, 2, 2), L.AveragePooling2D(2)])
def test_what_has_looked_at_the_whole_image_may_be_pooled(next_one):
    model = straight(same(2), L.GroupNormalization(-1), next_one, L.UpSampling2D())
    assert of_keras(model).geometry == Geometry(2, None, everywhere=True)


KERNELS = np.eye(9, dtype=np.float32).reshape(3, 3, 1, 9)  # each class is what one neighbour is


class Likeliest(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 1), tf.float32)])
    def __call__(self, images):
        return tf.argmax(tf.nn.conv2d(images, KERNELS, 1, "SAME"), axis=-1)


def test_the_likeliest_class_looks_no_further(tmp_path):
    assert of_module(Likeliest(), tmp_path).geometry == Geometry(1, 1)


@pytest.mark.parametrize(
    "norm", [L.BatchNormalization(), L.LayerNormalization(), L.UnitNormalization(), L.Softmax()]
)
def test_what_looks_at_channels_alone(norm):
    assert of_keras(straight(same(4), norm, same())).geometry == Geometry(1, 2)


def test_a_sum_over_channels_looks_no_further():
    einsum = L.EinsumDense("nhwc,cd->nhwd", (None, None, 2))
    assert of_keras(straight(same(4), einsum)).geometry == Geometry(1, 1)


class Rolled(tf.Module):
    """Pixels that leave on the right come in on the left."""

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 1), tf.float32)])
    def __call__(self, images):
        return tf.sigmoid(tf.roll(images, 1, 2))


@pytest.mark.parametrize(("by_corners", "side"), [(True, None), (False, None), (True, 64)])
def test_what_enlarges_by_its_corners_looks_at_the_whole_image(by_corners, side, tmp_path):
    """By how much pixels move depends on how many there are."""

    class Enlarging(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, side, side, 1), tf.float32)])
        def __call__(self, images):
            coarse = tf.nn.avg_pool2d(images, 2, 2, "VALID")
            size = tf.shape(images)[1:3]
            return tf.raw_ops.ResizeBilinear(
                images=coarse,
                size=size,
                align_corners=by_corners,
                half_pixel_centers=not by_corners,
            )

    geometry = of_module(Enlarging(), tmp_path).geometry
    assert 2 <= geometry.reach <= 4
    assert geometry.everywhere == (by_corners and side is None)


def test_an_operation_that_is_not_known(tmp_path, caplog):
    source = of_module(Rolled(), tmp_path)
    assert source.geometry == Geometry(1, None)
    prepare(openvino.network(source, "float32", None), ModelSpec())
    assert "how far module looks is not known: images larger than" in caplog.text


class Rearranged(tf.Module):
    """A convolution of blocks of 2×2 pixels."""

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 1), tf.float32)])
    def __call__(self, images):
        blocks = tf.nn.space_to_depth(images, 2)
        return tf.nn.depth_to_space(tf.nn.conv2d(blocks, tf.ones((3, 3, 4, 4)), 1, "SAME"), 2)


def test_blocks_of_pixels(tmp_path):
    network = openvino.network(of_module(Rearranged(), tmp_path), "float32", None)
    assert network.geometry == Geometry(2, 3)
    assert measured_reach(network) == 3


def test_the_unet():
    """One pixel, in every place of the grid of the bottom, before the sigmoid levels all out."""
    model = unet.build(1)
    for layer in model.layers:
        if isinstance(layer, L.Conv2D):  # small, so that nothing overflows on the way
            kernel, bias = layer.get_weights()
            layer.set_weights([np.full_like(kernel, 1 / 3), np.zeros_like(bias)])
    assert of_keras(model).geometry == Geometry(16, 123)
    head = of_keras(keras.Model(model.input, model.get_layer("head").output))
    network = openvino.network(head, "float32", None)
    assert network.geometry == Geometry(16, 123)
    assert measured_reach(network, size=512) == 123


def test_a_saved_model_tells_the_same(tmp_path):
    unet.build(1).export(tmp_path, verbose=False)
    reading = readers.read(tmp_path, tmp_path)
    assert convert.convert(reading, "it").description.geometry == Geometry(16, 123)


class Anywhere(tf.Module):
    """Resized to the size of the image, whatever that is; or to one size, and back."""

    def __init__(self, within=None):
        super().__init__()
        rng = np.random.default_rng(3)
        shapes = (3, 3, 1, 8), (3, 3, 8, 8), (3, 3, 8, 1)
        self.kernels = [tf.constant(rng.normal(0, 0.3, shape), tf.float32) for shape in shapes]
        self.within = within

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 1), tf.float32)])
    def __call__(self, images):
        first, second, third = self.kernels
        size = tf.shape(images)[1:3]
        x = tf.image.resize(images, self.within) if self.within else images
        x = tf.nn.relu(tf.nn.conv2d(x, first, 1 if self.within else 4, "SAME"))
        x = tf.nn.relu(tf.nn.conv2d(x, second, 1 if self.within else 2, "SAME"))
        return tf.sigmoid(tf.image.resize(tf.nn.conv2d(x, third, 1, "SAME"), size))


@pytest.mark.parametrize("size", [(64, 64), (97, 131), (100, 100), (9, 40)])
def test_an_image_of_any_size_goes_through_a_network_that_takes_it(size, tmp_path):
    module = Anywhere()
    source = of_module(module, tmp_path)
    assert (source.geometry.stride, source.geometry.any_size) == (8, True)
    segmenter = make(source, ModelSpec(), Computing(precision="float32"))
    image = np.random.default_rng(1).random((1, *size, 1), np.float32)
    answer = Probability.wanted(None, segmenter.spec, 1)
    values = predict(segmenter, from_array(image).for_channels(1), answer).values
    np.testing.assert_allclose(values[..., 0], module(image)[..., 0], atol=1e-5)


def test_a_network_of_levels_takes_multiples_of_its_stride():
    assert not of_keras(levels()).geometry.any_size


def test_a_network_that_resizes_to_one_size_looks_at_the_whole_image(tmp_path):
    assert of_module(Anywhere(within=(96, 96)), tmp_path).geometry.everywhere


class Places(tf.Module):
    """Adds to each pixel how far down it lies."""

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 1), tf.float32)])
    def __call__(self, images):
        rows = tf.range(tf.shape(images)[1], dtype=tf.float32)
        return tf.sigmoid(images + 0.01 * rows[None, :, None, None])


def test_a_network_that_knows_places_looks_at_the_whole_image(tmp_path):
    assert of_module(Places(), tmp_path).geometry.everywhere


class Patches(tf.Module):
    """Enlarged to the size of the image, whatever that is."""

    def __init__(self, patch):
        super().__init__()
        rng = np.random.default_rng(patch)
        self.patch = patch
        self.first = tf.constant(rng.normal(0, 0.1, (patch, patch, 1, 4)), tf.float32)
        self.last = tf.constant(rng.normal(0, 1, (1, 1, 4, 1)), tf.float32)

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 1), tf.float32)])
    def __call__(self, images):
        x = tf.nn.relu(tf.nn.conv2d(images, self.first, self.patch, "SAME"))
        x = tf.nn.conv2d(x, self.last, 1, "SAME")
        return tf.sigmoid(tf.image.resize(x, tf.shape(images)[1:3]))


@pytest.mark.parametrize("patch", [7, 12, 14])
def test_tiles_lie_on_the_patches_of_a_network_that_takes_any_size(patch, tmp_path):
    """As PyTorch's exports of vision transformers do; no multiple of 256 tells such a stride."""
    source = of_module(Patches(patch), tmp_path)
    assert (source.geometry.stride, source.geometry.any_size) == (patch, True)
    network = openvino.network(source, "float32", None)
    image = np.random.default_rng(1).random((1, 20 * patch, 21 * patch, 1), np.float32)
    whole = network.run(image)
    settings = {"tile_size": 8 * patch, "tile_overlap": None}
    segmenter = prepare(network, ModelSpec(), **settings)
    answer = Probability.wanted(None, segmenter.spec, 1)
    tiled = predict(segmenter, from_array(image).for_channels(1), answer).values
    np.testing.assert_allclose(tiled, whole, atol=1e-5)
