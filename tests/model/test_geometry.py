"""What the layers say, against what a network does when one pixel changes."""

import keras
import numpy as np
import pytest
from keras import layers

from segmentation.networks import unet
from segmentation.networks.geometry import of_layers

L = layers


def straight(*chain):
    image = keras.Input((None, None, 1))
    x = image
    for layer in chain:
        x = layer(x)
    return keras.Model(image, x)


def residual():
    """Two branches of the same stride count once."""
    image = keras.Input((None, None, 1))
    a = L.Conv2D(2, 3, strides=2, padding="same")(image)
    a = L.Conv2D(2, 3, padding="same")(a)
    b = L.Conv2D(2, 1, strides=2)(image)
    return keras.Model(image, L.UpSampling2D(2)(L.Add()([a, b])))


def nested():
    encoder = straight(L.Conv2D(2, 3, padding="same"), L.MaxPooling2D(2), L.MaxPooling2D(2))
    return straight(encoder, L.UpSampling2D(4), L.Conv2D(1, 3, padding="same"))


NETWORKS = {
    "convolution": lambda: straight(L.Conv2D(1, 5, padding="same")),
    "dilated": lambda: straight(L.Conv2D(1, 3, dilation_rate=3, padding="same")),
    "flat": lambda: straight(L.Conv2D(1, (1, 7), padding="same")),
    "separable": lambda: straight(L.SeparableConv2D(1, 3, padding="same")),
    "pooling": lambda: straight(L.AveragePooling2D(2), L.UpSampling2D(2)),
    "overlapping pooling": lambda: straight(
        L.AveragePooling2D(3, strides=2, padding="same"), L.UpSampling2D(2)
    ),
    "bilinear": lambda: straight(
        L.AveragePooling2D(4), L.UpSampling2D(4, interpolation="bilinear")
    ),
    "transposed": lambda: straight(
        L.Conv2D(1, 3, strides=2, padding="same"), L.Conv2DTranspose(1, 3, 2, padding="same")
    ),
    "transposed, wide": lambda: straight(
        L.AveragePooling2D(4), L.Conv2DTranspose(1, 8, 4, padding="same")
    ),
    "padding": lambda: straight(L.ZeroPadding2D(2), L.Conv2D(1, 5)),
    "residual": residual,
    "nested": nested,
}


def positive(model):
    """With positive weights no dependence cancels out."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            positive(layer)
        layer.set_weights([np.full_like(weight, 1.0) for weight in layer.get_weights()])
    return model


def measured_reach(model, stride, size=64):
    """The largest distance at which a changed input pixel changes the output."""
    reach = 0
    for place in range(size // 2, size // 2 + stride):
        images = np.zeros((2, size, size, 1), np.float32)
        images[1, place, place] = 1
        before, after = model(images).numpy()
        changed = np.nonzero((before != after).any(axis=-1))
        reach = max(reach, *(np.abs(axis - place).max() for axis in changed))
    return reach


@pytest.mark.parametrize("name", NETWORKS)
def test_what_a_network_does(name):
    model = positive(NETWORKS[name]())
    found = of_layers(model)
    reach = measured_reach(model, found.stride)
    assert reach <= found.reach <= reach + (4 if name == "bilinear" else 0)


@pytest.mark.parametrize(("name", "stride"), [("residual", 2), ("nested", 4), ("flat", 1)])
def test_the_stride(name, stride):
    assert of_layers(NETWORKS[name]()).stride == stride


def test_the_unet():
    """One pixel, in every place of the grid of the bottom, before the sigmoid levels all out."""
    model = unet.build(1)
    for layer in model.layers:
        if isinstance(layer, L.Conv2D):  # small, so that nothing overflows on the way
            layer.set_weights(
                [np.full_like(layer.get_weights()[0], 1 / 3), np.zeros_like(layer.get_weights()[1])]
            )
    head = keras.Model(model.input, model.get_layer("head").output)
    found = of_layers(model)
    assert (found.stride, found.reach) == (16, measured_reach(head, found.stride, size=512))


@pytest.mark.parametrize("network", [object(), straight(L.GroupNormalization(1))])
def test_what_cannot_be_told(network):
    assert of_layers(network) is None
