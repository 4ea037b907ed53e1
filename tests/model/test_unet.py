import keras
import numpy as np
import pytest

from segmentation.networks import unet


def test_parameters_of_the_full_width():
    assert unet.build(filters=64).count_params() == 34_521_221


@pytest.mark.parametrize("classes", [1, 3])
def test_probabilities_of_the_image_size(classes):
    model = unet.build(2, (None, None, 2), classes)
    values = model(np.random.default_rng(0).random((2, 32, 48, 2), np.float32)).numpy()
    assert values.shape == (2, 32, 48, classes)
    assert values.min() >= 0
    if classes > 1:
        np.testing.assert_allclose(values.sum(axis=-1), 1, rtol=1e-5)


def test_dropout_around_the_bottom():
    model = unet.build(1, dropout=True)
    assert [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)] == [
        0.5,
        0.5,
    ]
    assert model.count_params() == unet.build(1).count_params()
