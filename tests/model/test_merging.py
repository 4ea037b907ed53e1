"""Networks that compute the same, faster."""

import logging

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from segmentation.networks import merging, probe, tune, unet
from segmentation.networks.merged_layers import Shift, UpsampledConv2D
from segmentation.networks.network import describe

SIDES = [(1, 1), (1, 5), (7, 4)]


def noise(*shape):
    return np.random.default_rng(5).normal(size=shape).astype(np.float32)


def merged_in(network, kind=UpsampledConv2D):
    return [layer for layer in merging._layers(network) if isinstance(layer, kind)]


def assert_same(network, channels=2, atol=1e-5):
    """What is faster gives the same; returns it."""
    copy = merging.merged(network, "float32")
    for height, width in SIDES:
        images = noise(2, height, width, channels)
        np.testing.assert_allclose(copy(images), network(images), rtol=1e-5, atol=atol)
    return copy


def upsampled(convolution, upsampling=None):
    """A convolution after an upsampling, with random weights and biases."""
    network = keras.Sequential(
        [keras.Input((None, None, 2)), upsampling or layers.UpSampling2D(2), convolution]
    )
    return randomize(network)


def randomize(network):
    """Random weights; variances are positive, and so are the other scales of normalisations."""
    for weight in network.weights:
        values = noise(*weight.shape)
        positive = weight.name in ("moving_variance", "gamma")
        weight.assign(abs(values) + 0.5 if positive else values)
    return network


@pytest.mark.parametrize("kernel", [(3, 3), (2, 2), (5, 5), (4, 4), (2, 3), (3, 1), (6, 7)])
@pytest.mark.parametrize("options", [{}, {"use_bias": False}, {"activation": "softmax"}])
def test_upsampling_and_convolution_are_one(kernel, options):
    one = assert_same(upsampled(layers.Conv2D(3, kernel, padding="same", **options)), atol=1e-4)
    assert len(merged_in(one)) == (min(kernel) > 1)


def test_a_window_of_three_needs_sixteen_multiplications():
    one = merging.merged(upsampled(layers.Conv2D(3, 3, padding="same")), "float32")
    assert sum(weight.shape[:2].num_elements() for weight in kernels(one)) == 16


def kernels(network):
    return [w.value for layer in merged_in(network) for w in layer.weights if len(w.shape) == 4]


@pytest.mark.parametrize(
    "convolution",
    [
        layers.Conv2D(2, 3, padding="valid"),
        layers.Conv2D(2, 3, padding="same", strides=2),
        layers.Conv2D(2, 3, padding="same", dilation_rate=2),
        layers.Conv2D(2, 3, padding="same", groups=2),
        layers.SeparableConv2D(2, 3, padding="same"),
        layers.Conv2DTranspose(2, 3, padding="same"),
    ],
    ids=lambda layer: layer.name,
)
def test_other_convolutions_stay_as_they_are(convolution):
    network = upsampled(convolution)
    copy = merging.merged(network, "float32")
    np.testing.assert_array_equal(copy(noise(1, 6, 4, 2)), network(noise(1, 6, 4, 2)))
    assert not merged_in(copy)


@pytest.mark.parametrize(
    "upsampling",
    [
        layers.UpSampling2D(3),
        layers.UpSampling2D((1, 2)),
        layers.UpSampling2D(2, interpolation="bilinear"),
    ],
    ids=["three", "one axis", "bilinear"],
)
def test_other_upsamplings_stay_as_they_are(upsampling):
    network = upsampled(layers.Conv2D(2, 3, padding="same"), upsampling)
    assert not merged_in(assert_same(network))


def test_an_upsampling_that_others_read_stays():
    image = keras.Input((None, None, 2))
    large = layers.UpSampling2D(2)(image)
    both = layers.Concatenate()([layers.Conv2D(2, 3, padding="same")(large), large])
    assert not merged_in(assert_same(keras.Model(image, both)))


def test_an_upsampling_that_a_model_gives_stays():
    image = keras.Input((None, None, 2))
    large = layers.UpSampling2D(2)(image)
    inner = keras.Model(image, [large, layers.Conv2D(2, 3, padding="same")(large)])
    outer = keras.Input((None, None, 2))
    assert not merged_in(assert_same(keras.Model(outer, layers.Concatenate()(inner(outer)))))


def test_layers_that_are_called_twice_stay():
    image = keras.Input((None, None, 2))
    upsampling, convolution = layers.UpSampling2D(2), layers.Conv2D(2, 3, padding="same")
    x = convolution(upsampling(convolution(upsampling(image))))
    assert not merged_in(assert_same(keras.Model(image, x)))


def normalized(norm=None, before=(), **options):
    """A normalisation after a convolution, with random weights and biases."""
    options = {"padding": "same", "name": "convolution"} | options
    convolution = layers.Conv2D(4, 3, **options)
    sequence = [keras.Input((None, None, 2)), *before, convolution]
    sequence += [norm or layers.BatchNormalization(name="norm"), layers.ReLU(name="end")]
    return randomize(keras.Sequential(sequence))


@pytest.mark.parametrize("norm", [{}, {"scale": False}, {"center": False}, {"epsilon": 0.1}])
@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("use_bias", [True, False])
def test_a_normalisation_goes_into_the_convolution_before_it(norm, activation, use_bias):
    norm = layers.BatchNormalization(name="norm", **norm)
    copy = assert_same(normalized(norm, activation=activation, use_bias=use_bias), atol=1e-4)
    assert len(merged_in(copy, Shift)) == 1
    # across a ReLU the addition is left
    assert len(copy.get_layer("norm").weights) == (activation == "relu")


@pytest.mark.parametrize("options", [{"strides": 2}, {"groups": 2}, {"padding": "valid"}])
def test_it_does_so_whatever_the_convolution(options):
    network = normalized(**options)
    copy = merging.merged(network, "float32")
    images = noise(2, 7, 9, 2)
    np.testing.assert_allclose(copy(images), network(images), atol=1e-4)
    assert merged_in(copy, Shift)


def test_upsampling_convolution_and_normalisation_are_one():
    copy = assert_same(normalized(before=[layers.UpSampling2D(2)]), atol=1e-4)
    assert len(merged_in(copy)) == len(merged_in(copy, Shift)) == 1


def test_a_scale_that_changes_signs_does_not_pass_a_relu():
    network = normalized(activation="relu")
    network.get_layer("norm").gamma.assign([1, -1, 1, 1])
    assert not merged_in(assert_same(network, atol=1e-4), Shift)
    network = normalized()
    network.get_layer("norm").gamma.assign([1, -1, 1, 1])
    assert merged_in(assert_same(network, atol=1e-4), Shift)


@pytest.mark.parametrize(
    "network",
    [
        lambda: normalized(activation="tanh"),
        lambda: normalized(layers.BatchNormalization(axis=1), before=[layers.Resizing(6, 6)]),
        lambda: normalized(layers.LayerNormalization()),
    ],
    ids=["another activation", "another axis", "another normalisation"],
)
def test_other_normalisations_stay_as_they_are(network):
    assert not merged_in(assert_same(network(), atol=1e-4), Shift)


def test_a_convolution_that_others_read_takes_nothing_in():
    image = keras.Input((None, None, 2))
    x = layers.Conv2D(2, 3, padding="same")(image)
    both = layers.Concatenate()([x, layers.BatchNormalization()(x)])
    assert not merged_in(assert_same(randomize(keras.Model(image, both))), Shift)


def test_models_of_any_kind_are_looked_through():
    inner = keras.Sequential(name="decoder")
    for layer in (keras.Input((None, None, 2)), layers.UpSampling2D(2)):
        inner.add(layer)
    inner.add(layers.Conv2D(2, 3, padding="same"))
    image = keras.Input((None, None, 2))
    x = layers.Conv2D(2, 3, padding="same")(layers.UpSampling2D(2)(image))
    assert len(merged_in(assert_same(keras.Model(image, inner(x))))) == 2


def test_a_unet_keeps_its_other_layers():
    network = unet.build(2)
    image = probe.picture(48, 80, 1)
    copy = merging.merged(network, "float32")
    np.testing.assert_allclose(copy(image), network(image), atol=1e-6)
    assert [layer.name for layer in merged_in(copy, Shift)] == [
        *(f"down{level}_norm" for level in (1, 2, 3, 4)),
        "bottom_norm",
    ]
    assert [layer.name for layer in merged_in(copy)] == [
        f"up{level}_conv0" for level in (4, 3, 2, 1)
    ]
    assert copy.get_layer("head") is network.get_layer("head")


@pytest.fixture
def taken(monkeypatch):
    """Tune a model; the Keras models that were merged for it."""
    copies = []
    real = merging.merged
    monkeypatch.setattr(merging, "merged", lambda *args: copies.append(real(*args)) or copies[-1])

    def tuned(network, precision="float32"):
        return tune.tune(describe(network), precision), copies

    return tuned


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_faster_network_is_taken(taken, caplog, precision):
    caplog.set_level(logging.INFO)
    network, [copy] = taken(unet.build(2), precision)
    assert len(merged_in(copy)) == 4
    assert network.geometry.reach == 123
    assert f"computing in {precision}" in caplog.text


class Halved(keras.Model):
    """Not what its layers are: a copy made of them gives something else."""

    def __init__(self):
        image = keras.Input((None, None, 1))
        layer = layers.Conv2D(1, 3, padding="same", activation="sigmoid")
        super().__init__(image, layer(image))

    def call(self, inputs, training=None, mask=None):
        return 0.5 * super().call(inputs, training=training, mask=mask)


def assert_stays(network, source, caplog):
    image = probe.picture(32, 48, 1)
    np.testing.assert_allclose(network.run(image), source(image), atol=1e-6)
    assert "its layers stay as they are: " in caplog.text


def test_a_network_that_would_change_stays_as_it_is(taken, caplog):
    caplog.set_level(logging.INFO)
    source = Halved()
    assert_stays(taken(source)[0], source, caplog)
    assert "merged layers change" in caplog.text


def test_a_network_that_would_fail_stays_as_it_is(taken, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    source = unet.build(2)
    monkeypatch.setattr(UpsampledConv2D, "call", lambda self, inputs: inputs)
    assert_stays(taken(source)[0], source, caplog)


@pytest.mark.parametrize("activation", [layers.Softmax(axis=1), layers.PReLU()])
def test_an_activation_that_looks_at_more_than_one_pixel_stays(activation):
    network = keras.Sequential(
        [
            keras.Input((8, 6, 2)),
            layers.UpSampling2D(2),
            layers.Conv2D(3, 3, padding="same", activation=activation),
        ]
    )
    copy = merging.merged(network, "float32")
    np.testing.assert_allclose(copy(noise(1, 8, 6, 2)), network(noise(1, 8, 6, 2)), atol=1e-5)
    assert not merged_in(copy)


def test_sizes_that_are_known_stay_known():
    image = keras.Input((8, 6, 2))
    x = layers.Conv2D(3, 3, padding="same")(layers.UpSampling2D(2)(image))
    copy = merging.merged(keras.Model(image, x), "float32")
    traced = tf.function(copy).get_concrete_function(tf.TensorSpec((None, 8, 6, 2)))
    assert traced.output_shapes[1:] == (16, 12, 3)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("compiled", [False, True])
def test_any_layers_are_copied(dtype, compiled):
    """What is derived from weights, operations, a model called twice, layers in 16 bits already."""
    first, inside = layers.Normalization(axis=None), layers.Normalization(axis=None)
    first.adapt(noise(50) * 0.3 + 0.4)
    inside.adapt(noise(50) * 2 + 1)
    x = skip = layers.Conv2D(2, 3, padding="same")(first(image := keras.Input((None, None, 1))))
    x = layers.Conv2D(2, 3, padding="same", kernel_initializer="orthogonal")(inside(x))
    x = layers.Conv2D(2, 3, padding="same", dtype="mixed_bfloat16")(x) + skip
    twice = keras.Sequential([keras.Input((None, None, 2)), layers.Conv2D(2, 3, padding="same")])
    x = keras.ops.relu(twice(twice(x)))
    network = keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid")(x))
    if compiled:
        network.compile("adam", loss=lambda true, predicted: keras.ops.mean(predicted))
    image = probe.picture(32, 48, 1)
    copy = merging.merged(network, dtype)
    np.testing.assert_allclose(copy(image), network(image), atol=0.03)
    assert (network.compiled, copy.compiled) == (compiled, False)


def types(network):
    return {layer.name: layer.compute_dtype for layer in merging._layers(network)}


def test_the_two_ends_stay_as_they_are():
    converted = types(merging.merged(unet.build(2), "bfloat16"))
    assert converted.pop("down1_conv1") == converted.pop("probability") == "float32"
    assert converted.pop("image") == "float32"
    assert set(converted.values()) == {"bfloat16"}


def test_what_surrounds_the_ends_stays_as_it_is():
    network = keras.Sequential(
        [
            keras.Input((None, None, 1)),
            layers.Rescaling(2.0),
            layers.Conv2D(2, 3, name="first"),
            layers.Conv2D(2, 3, name="middle"),
            layers.Conv2D(1, 1, name="last"),
            layers.Activation("sigmoid", name="end"),
        ]
    )
    converted = types(merging.merged(network, "bfloat16"))
    assert [name for name, dtype in converted.items() if dtype == "bfloat16"] == ["middle"]


def test_models_within_models_are_converted():
    inner = keras.Sequential(
        [keras.Input((None, None, 2))]
        + [layers.Conv2D(2, 3, padding="same", name=f"inner{i}") for i in range(3)],
        name="encoder",
    )
    image = keras.Input((None, None, 1))
    x = layers.Conv2D(2, 3, padding="same", name="first")(image)
    network = keras.Model(image, layers.Conv2D(1, 1, name="last")(inner(x)))
    converted = types(merging.merged(network, "bfloat16"))
    assert {converted[f"inner{i}"] for i in range(3)} == {"bfloat16"}
    assert converted["first"] == converted["last"] == "float32"


def test_the_weights_are_the_same_but_for_rounding():
    network = unet.build(2)
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_variance.assign(np.full(layer.beta.shape, 1 - layer.epsilon))  # scale: 1
    converted = merging.merged(network, "bfloat16")
    for old in network.layers:
        new = converted.get_layer(old.name)
        if old.weights and type(new) is type(old):
            for rounded, exact in zip(new.get_weights(), old.get_weights(), strict=True):
                np.testing.assert_allclose(rounded.astype("f4"), exact, rtol=2**-8, atol=1e-30)
            assert {weight.dtype for weight in new.weights} == {new.compute_dtype}


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_probabilities_are_nearly_the_same(dtype):
    keras.utils.set_random_seed(3)
    network = unet.build(4)
    image = probe.picture(64, 48, 1)
    exact, rounded = network(image), merging.merged(network, dtype)(image)
    assert rounded.dtype == "float32"
    np.testing.assert_allclose(rounded, exact, atol=0.02)
    assert not np.array_equal(rounded, exact)


def test_what_has_no_layers_cannot_be_converted():
    with pytest.raises(ValueError, match="cannot be copied"):
        merging.merged(lambda images, training: images, "bfloat16")
