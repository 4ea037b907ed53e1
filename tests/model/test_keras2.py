"""What Keras 2 wrote is loaded by Keras 2, after it was judged."""

import json
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

from segmentation import artifacts
from segmentation.errors import ModelError
from segmentation.networks import openvino
from segmentation.networks.conversion import keras_files, load, readers

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")


@pytest.fixture(autouse=True)
def _seeded():
    tf_keras.utils.set_random_seed(1)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(3).random((2, 32, 48, 3), np.float32)


def model_of(last="sigmoid", call=None):
    """The usual decoder, and a call of a function of TensorFlow."""
    image = tf_keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    x = layers.Conv2DTranspose(4, 2, strides=2)(layers.MaxPooling2D()(x))
    x = layers.concatenate(
        [layers.UpSampling2D(interpolation="bilinear")(layers.MaxPooling2D()(x)), x]
    )
    if call:
        x = call(x)
    x = layers.Conv2D(1, 3, padding="same", kernel_initializer="he_normal")(x)
    return tf_keras.Model(image, layers.Activation(last)(x))


def answer(source, images):
    return openvino.network(source, "float32", None).run(images)


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_it_answers_as_keras_2_does(name, images, tmp_path):
    model = model_of()
    model.save(tmp_path / name)
    np.testing.assert_allclose(answer(artifacts.load(tmp_path), images), model(images), atol=1e-5)


def test_hard_sigmoid_is_that_of_keras_2(images, tmp_path):
    """Of Keras 3 it is relu6(x + 3) / 6."""
    model = model_of("hard_sigmoid")
    model.save(tmp_path / "model.h5")
    found = load.of_reading(readers.read(tmp_path / "model.h5", tmp_path), "model.h5", None)
    assert np.ptp(model(images)) > 0.1
    np.testing.assert_allclose(answer(found, images), model(images), atol=1e-5)


def test_functions_that_only_compute_are_served(images, tmp_path):
    model = model_of(call=lambda x: tf.nn.relu(x)[:, :, :, ::2] * tf.reduce_mean(x))
    model.save(tmp_path / "model.keras")
    found = load.of_reading(readers.read(tmp_path / "model.keras", tmp_path), "model.keras", None)
    np.testing.assert_allclose(answer(found, images), model(images), atol=1e-5)


def test_a_model_of_the_users_own(images):
    model = model_of()
    np.testing.assert_allclose(answer(load.of_keras(model), images), model(images), atol=1e-5)


def rewritten(path: Path, old: str, new: str) -> Path:
    """The archive with another text in its configuration."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    text = members["config.json"].decode()
    assert old in text
    members["config.json"] = text.replace(old, new).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.keras"
    model_of(call=tf.nn.relu).save(path)
    return path


@pytest.mark.parametrize(
    "function",
    [
        "io.write_file",
        "py_function",
        "raw_ops.DebugIdentity",
        "compat.v1.py_func",
        "math",
        "load_library",
    ],
)
def test_functions_that_may_do_anything_are_refused(function, saved):
    rewritten(saved, '"nn.relu"', json.dumps(function))
    with pytest.raises(
        ModelError, match=rf"the layer 'tf.nn.relu.*' calls tf.{function}, which is none"
    ):
        keras_files.load(saved)


def test_a_lambda_under_another_spelling_is_refused(tmp_path):
    model_of(call=layers.Lambda(lambda x: x)).save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        config = file.attrs["model_config"]
        file.attrs["model_config"] = config.replace('"Lambda"', r'"\u004cambda"')
    with pytest.raises(ModelError, match="has a Lambda layer, which holds code"):
        keras_files.load(tmp_path / "model.h5")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"module": "keras.layers"', '"module": "subprocess"', "of subprocess, whose code is not"),
        (
            '"module": "keras.layers"',
            '"module": "keras.utils"',
            "of keras.utils, whose code is not",
        ),
        ('"module": "keras.layers"', '"module": "kerasx.layers"', "of kerasx.layers, whose code"),
        (
            '"activation": "relu"',
            '"activation": {"module": "builtins", "class_name": "function", "config": "exec"}',
            "names Python's own 'exec'",
        ),
    ],
)
def test_what_is_imported_for_an_artifact_is_its_own(old, new, message, saved):
    rewritten(saved, old, new)
    with pytest.raises(ModelError, match=message):
        keras_files.load(saved)


class GELU(layers.Layer):  # as keras-unet-collection names it
    def call(self, inputs):
        return 0.5 * inputs * (1 + tf.tanh(np.sqrt(2 / np.pi) * (inputs + 0.044715 * inputs**3)))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_well_known_layers_of_other_libraries_are_known(suffix, images, tmp_path):
    GELU.__module__ = "keras_unet_collection.activations"
    model = model_of(call=GELU())
    model.save(tmp_path / f"model{suffix}")
    np.testing.assert_allclose(answer(artifacts.load(tmp_path), images), model(images), atol=1e-5)


def test_a_layer_of_that_name_from_elsewhere_is_refused(tmp_path):
    GELU.__module__ = "elsewhere.activations"
    model_of(call=GELU()).save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match=r"has 'GELU' of elsewhere.activations, whose code is not"):
        artifacts.load(tmp_path)


@pytest.mark.parametrize("name", ["architecture.json", "model.json"])
@pytest.mark.parametrize("weights", ["model.h5", "model.weights.h5"])
def test_an_architecture_and_its_weights(name, weights, images, tmp_path):
    model = model_of(call=tf.nn.relu)
    (tmp_path / name).write_text(model.to_json())
    model.save_weights(tmp_path / weights)
    np.testing.assert_allclose(answer(artifacts.load(tmp_path), images), model(images), atol=1e-5)


def test_an_architecture_is_judged(tmp_path):
    model = model_of(call=tf.nn.relu)
    described = model.to_json().replace('"nn.relu"', '"io.read_file"')
    (tmp_path / "architecture.json").write_text(described)
    model.save_weights(tmp_path / "model.h5")
    with pytest.raises(ModelError, match=r"calls tf\.io\.read_file, which is none"):
        artifacts.load(tmp_path)


def test_an_architecture_of_keras_3(images, tmp_path):
    image = keras.Input((None, None, 3))
    model = keras.Model(image, keras.layers.Conv2D(1, 3, padding="same")(image))
    (tmp_path / "architecture.json").write_text(model.to_json())
    model.save_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(answer(artifacts.load(tmp_path), images), model(images), atol=1e-5)


def test_weights_of_another_architecture_are_refused(tmp_path):
    image = tf_keras.Input((None, None, 3))
    other = tf_keras.Model(image, layers.Conv2D(1, 3)(image))
    (tmp_path / "architecture.json").write_text(other.to_json())
    model_of().save_weights(tmp_path / "model.h5")
    with pytest.raises(ModelError, match=r"model\.h5 cannot be loaded"):
        artifacts.load(tmp_path)


def test_what_tensorflow_runs_on_gpus_alone_is_not_compared(images):
    """Its convolutions with the channels first: as OpenVINO reads them, they are served."""
    image = tf_keras.Input((3, None, None))
    last = layers.Conv2D(2, 1, data_format="channels_first", activation="sigmoid")
    source = load.of_keras(tf_keras.Model(image, last(image)))
    kernel, bias = (weights.numpy() for weights in last.weights)
    expected = 1 / (1 + np.exp(-(images @ kernel[0, 0] + bias)))
    assert (source.form.taken, source.unconverted) == ("bcyx", "")
    np.testing.assert_allclose(answer(source, images), expected, atol=1e-5)
