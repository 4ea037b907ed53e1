"""No seam shows at the default overlap, also of a network that looks far."""

import keras
import numpy as np
import pytest
from keras import layers

from models.lib import synthetic
from segmentation.answers import Probability
from segmentation.images import from_array
from segmentation.networks import openvino
from segmentation.networks.conversion.load import of_keras
from segmentation.running.predict import predict
from segmentation.running.segmenter import prepare
from segmentation.spec import ModelSpec


def convolution(x, filters, size=3, strides=1):
    x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.5)(x)


def block(x, filters, strides):
    """A basic block of ResNet: https://arxiv.org/abs/1512.03385"""
    y = convolution(layers.ReLU()(convolution(x, filters, 3, strides)), filters)
    if strides > 1 or x.shape[-1] != filters:
        x = convolution(x, filters, 1, strides)
    return layers.ReLU()(layers.Add()([x, y]))


def resnet_unet(width=4):
    """A U-Net whose encoder is that of ResNet-18, which sees 310 pixels to each side."""
    image = keras.Input((None, None, 1))
    x = layers.ReLU()(convolution(image, width, 7, 2))
    skips = [x]
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    for level in range(4):
        x = block(block(x, width * 2**level, 2 if level else 1), width * 2**level, 1)
        skips.append(x)
    for skip in reversed(skips[:-1]):
        x = layers.Concatenate()([layers.UpSampling2D(2)(x), skip])
        for _ in range(2):
            x = layers.ReLU()(convolution(x, skip.shape[-1]))
    x = layers.ReLU()(convolution(layers.UpSampling2D(2)(x), width))
    return keras.Model(image, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x))


@pytest.fixture(scope="module")
def network():
    """With random weights, and normalisations that fit the sections."""
    keras.utils.set_random_seed(1)
    model = resnet_unet()
    sections = np.stack([synthetic.section(seed, (256, 256))[0] for seed in range(4)])
    for _ in range(10):
        model(sections[..., None] / np.float32(255), training=True)
    return openvino.network(of_keras(model), "float32", None)


def test_the_mask_is_that_of_the_whole_image(network):
    assert (network.geometry.stride, network.geometry.reach) == (32, 310)
    section = synthetic.section(7, (704, 704))[0]
    images = from_array(np.tile(section, (2, 2))).for_channels(1)  # 1408×1408
    whole = predict(prepare(network, ModelSpec(), tile_size=1408), images, Probability())
    middle = np.median(whole.values)  # random weights decide nothing at 0.5

    def agreement(**plan):
        tiled = predict(prepare(network, ModelSpec(), **plan), images, Probability())
        assert tiled.tiles == 4 > whole.tiles == 1
        return np.mean((tiled.values > middle) == (whole.values > middle))

    assert agreement() > 0.9999
    assert agreement(tile_overlap=128) < 0.99
