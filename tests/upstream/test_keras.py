"""The private parts of Keras that we stand on. An upgrade that changes one fails here, by name."""

import keras
import numpy as np
import openvino as ov
import pytest
import tensorflow as tf
from keras import layers

from segmentation.networks.conversion import exporting


@pytest.fixture
def bilinear():
    image = keras.Input((None, None, 1))
    return keras.Model(image, layers.UpSampling2D(2, interpolation="bilinear")(image))


def test_interpolating_upsampling_of_free_size_is_not_traced(bilinear, tmp_path):
    """The reason of ``exporting._upsampling_of_free_size``: where this fails, it can go."""
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
        bilinear.export(tmp_path / "exported", format="tf_saved_model", verbose=False)


def test_argmax_looks_at_bits(tmp_path):
    """The reason of ``exporting._plain_argmax``: where this fails, it can go."""
    image = keras.Input((None, None, 3))
    model = keras.Model(image, keras.ops.argmax(image, axis=-1))
    model.export(tmp_path / "exported", format="tf_saved_model", verbose=False)
    with pytest.raises(RuntimeError, match="Bitcast"):
        ov.Core().read_model(tmp_path / "exported")


def test_upsampling_has_one_place_that_resizes(bilinear):
    image = np.random.default_rng(0).random((1, 3, 4, 1)).astype(np.float32)
    with exporting._upsampling_of_free_size():
        assert layers.UpSampling2D._resize_images.__module__ == exporting.__name__
        replaced = bilinear(image)
    np.testing.assert_allclose(replaced, bilinear(image), atol=1e-6)


def test_a_model_is_exported_for_images_of_any_size(tmp_path):
    image = keras.Input((None, None, 1))
    model = keras.Model(image, layers.Conv2D(1, 3)(image))
    model.export(tmp_path / "exported", format="tf_saved_model", verbose=False)
    signature = tf.saved_model.load(str(tmp_path / "exported")).signatures["serving_default"]
    [spec] = signature.structured_input_signature[1].values()
    assert spec.shape.as_list() == [None, None, None, 1]
