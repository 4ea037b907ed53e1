"""Loading: every kind of artifact that people have, and everything that is wrong with them."""

import io
import shutil
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from segmentation import artifacts
from segmentation.errors import ModelError
from segmentation.networks import tensorflow, unet
from segmentation.networks.network import Source
from segmentation.networks.tune import tune
from support import tiny_models

KERAS2 = Path(__file__).resolve().parents[1] / "fixtures" / "keras2"


def answer(source: Source, images: np.ndarray) -> np.ndarray:
    return tensorflow.plain(source).run(images)


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(3)
    return unet.build(filters=2, input_shape=(None, None, 3), classes=4)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(3).random((1, 32, 48, 3), np.float32)


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.hdf5", "model.weights.h5"])
def test_keras_3(network, images, name, tmp_path):
    if "weights" in name:
        network.save_weights(tmp_path / name)
    elif name.endswith(".keras"):
        network.save(tmp_path / name)
    else:
        network.save(tmp_path / name)
    model = artifacts.load(tmp_path)
    assert (model.channels, model.classes, model.height, model.width) == (3, 4, None, None)
    np.testing.assert_allclose(answer(model, images), network(images).numpy(), atol=1e-5)


@pytest.mark.parametrize("folder", [".", "exported", "exported/1"])
def test_saved_model(network, images, tmp_path, folder):
    network.export(tmp_path / folder, verbose=False)
    model = artifacts.load(tmp_path)
    assert (model.channels, model.classes) == (3, 4)
    assert tensorflow.plain(model).geometry.stride == unet.STRIDE
    np.testing.assert_allclose(answer(model, images), network(images).numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("artifact", "data"),
    [("gray.h5", "gray"), ("gray-weights.hdf5", "gray"), ("classes-weights.hdf5", "classes")],
)
def test_keras_2(artifact, data, tmp_path):
    """As Keras 2.4 itself answered; see fixtures/keras2/make.py."""
    shutil.copy(KERAS2 / artifact, tmp_path)
    model = artifacts.load(tmp_path)
    with np.load(KERAS2 / f"{data}.npz") as known:
        images, expected = known["images"], known["expected"]
    assert (model.channels, model.classes) == (images.shape[-1], expected.shape[-1])
    np.testing.assert_allclose(answer(model, images), expected, atol=1e-5)


@pytest.mark.parametrize(("filters", "channels", "classes"), [(1, 1, 1), (2, 2, 3), (4, 1, 1)])
def test_weights_alone_tell_the_size(filters, channels, classes, tmp_path):
    unet.build(filters, (None, None, channels), classes).save_weights(tmp_path / "a.weights.h5")
    model = artifacts.load(tmp_path)
    assert model.function.get_layer("down1_conv1").filters == filters
    assert (model.channels, model.classes) == (channels, classes)


def test_a_fixed_size_is_kept(tmp_path):
    model = artifacts.load(tiny_models.save(tiny_models.identity((32, 48)), tmp_path))
    assert (model.height, model.width) == (32, 48)


def test_what_is_no_candidate(tmp_path):
    tiny_models.save(tiny_models.identity(), tmp_path)
    for name in ("README.md", ".hidden.h5", "model.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "helper.keras").touch()
    assert artifacts.load(tmp_path).name == "model.keras"


# --- the choice


def test_no_model(tmp_path):
    (tmp_path / "weights.pt").touch()
    with pytest.raises(ModelError, match=r"no model in .*must hold a \.keras.*found: weights\.pt"):
        artifacts.load(tmp_path)


def test_no_directory(tmp_path):
    with pytest.raises(ModelError, match="there is no such directory"):
        artifacts.load(tmp_path / "none")


@pytest.fixture
def two_models(tmp_path):
    tiny_models.save(tiny_models.identity(), tmp_path)
    tiny_models.mean_of_rgb().save(tmp_path / "other.keras")
    return tmp_path


def test_several_models(two_models):
    with pytest.raises(ModelError, match=r"`model_filename`.*model\.keras, other\.keras"):
        artifacts.load(two_models)


def test_one_of_several(two_models):
    assert artifacts.load(two_models, "other.keras").channels == 3


@pytest.mark.parametrize("filename", ["none.keras", "../model.keras", "/etc/passwd"])
def test_a_filename_that_is_no_candidate(two_models, filename):
    with pytest.raises(ModelError, match=r"which is no model in .*models found: model\.keras"):
        artifacts.load(two_models, filename)


# --- broken and hostile files


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.hdf5", "model.weights.h5"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", b"\x89HDF\r\n\x1a\n cut"])
def test_garbage(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name} cannot be loaded"):
        artifacts.load(tmp_path)


@pytest.mark.parametrize("name", ["model.keras", "model.weights.h5"])
def test_a_cut_file(network, name, tmp_path):
    whole = tmp_path / name
    network.save_weights(whole) if "weights" in name else network.save(whole)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(ModelError, match="cannot be loaded"):
        artifacts.load(tmp_path)


def test_a_broken_saved_model(tmp_path):
    (tmp_path / "exported").mkdir()
    (tmp_path / "exported" / "saved_model.pb").write_bytes(b"no protocol buffer")
    with pytest.raises(ModelError, match="exported cannot be loaded"):
        artifacts.load(tmp_path)


def test_weights_of_another_network(tmp_path):
    tiny_models.identity().save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ModelError, match=r"weights alone.*save the whole model"):
        artifacts.load(tmp_path)


def lambda_model():
    image = keras.Input((None, None, 1))
    return keras.Model(image, keras.layers.Lambda(lambda x: x * 1)(image))


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_code_in_an_artifact_is_refused(name, tmp_path):
    lambda_model().save(tmp_path / name)
    with pytest.raises(ModelError, match="Lambda layer, which holds code"):
        artifacts.load(tmp_path)


def test_a_renamed_lambda_is_refused_by_keras(tmp_path):
    """Our own check looks for names; Keras's safe mode must hold where it finds none."""
    lambda_model().save(tmp_path / "model.keras")
    hidden = io.BytesIO()
    with zipfile.ZipFile(tmp_path / "model.keras") as old, zipfile.ZipFile(hidden, "w") as new:
        for item in old.namelist():
            content = old.read(item)
            if item == "config.json":
                content = content.replace(b'"Lambda"', b'"\\u004cambda"')
                content = content.replace(b'"__lambda__"', b'"\\u005f_lambda__"')
            new.writestr(item, content)
    (tmp_path / "model.keras").write_bytes(hidden.getvalue())
    with pytest.raises(ModelError):
        artifacts.load(tmp_path)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_renamed_lambda_in_hdf5_is_refused(tmp_path):
    lambda_model().save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a") as file:
        config = file.attrs["model_config"]
        file.attrs["model_config"] = config.replace('"Lambda"', '"\\u004cambda"')
    with pytest.raises(ModelError):
        artifacts.load(tmp_path)


def secret(folder):
    """An HDF5 file outside of the model directory."""
    with h5py.File(folder / "secret.h5", "w") as file:
        file["kernel"] = np.zeros((3, 3, 1, 1), np.float32)
    return folder / "secret.h5"


def external_link(file, other):
    file["layers"] = h5py.ExternalLink(other, "/")


def external_data(file, other):
    file.create_dataset("kernel", (4,), "f4", external=[(str(other), 0, 16)])


def virtual_data(file, other):
    layout = h5py.VirtualLayout((3, 3, 1, 1), "f4")
    layout[...] = h5py.VirtualSource(other, "kernel", (3, 3, 1, 1))
    file.create_virtual_dataset("kernel", layout)


@pytest.mark.parametrize("point", [external_link, external_data, virtual_data])
@pytest.mark.parametrize("name", ["model.h5", "model.weights.h5"])
def test_a_file_that_points_into_another_is_refused(point, name, tmp_path):
    (tmp_path / "models").mkdir()
    with h5py.File(tmp_path / "models" / name, "w") as file:
        point(file, secret(tmp_path))
    with pytest.raises(ModelError, match="from another file"):
        artifacts.load(tmp_path / "models")


def writes(path):
    return lambda image: (tf.io.write_file(path, "x"), image)[1]


def reads(path):
    return lambda image: image + tf.cast(tf.strings.length(tf.io.read_file(path)), tf.float32)


def lists(path):
    return lambda image: image + tf.cast(tf.size(tf.io.matching_files(path)), tf.float32)


def saves(path):
    def run(image):
        tf.raw_ops.SaveV2(
            prefix=path, tensor_names=["x"], shape_and_slices=[""], tensors=[image[0, 0, 0, 0]]
        )
        return image

    return run


def restores(path):
    return lambda image: (
        image
        + tf.raw_ops.RestoreV2(
            prefix=path, tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32]
        )[0]
    )


def python(_):
    return lambda image: tf.ensure_shape(
        tf.numpy_function(lambda x: x, [image], tf.float32), image.shape
    )


def stateless_python(_):
    return lambda image: tf.ensure_shape(
        tf.numpy_function(lambda x: x, [image], tf.float32, stateful=False), image.shape
    )


def hidden(path):
    """In a branch of a loop."""
    return lambda image: tf.cond(
        tf.reduce_sum(image) > 0, lambda: writes(path)(image), lambda: image
    )


EFFECTS = [writes, reads, lists, saves, restores, python, stateless_python, hidden]


@pytest.mark.parametrize("effect", EFFECTS)
def test_a_saved_model_with_effects_is_refused(effect, tmp_path):
    module, outside = tf.Module(), tmp_path / "outside"
    signature = [tf.TensorSpec((None, None, None, 1), tf.float32, name="image")]
    module.run = tf.function(effect(str(outside)), input_signature=signature)
    tf.saved_model.save(module, str(tmp_path / "models" / "exported"))
    with pytest.raises(ModelError, match="may touch files or run code"):
        artifacts.load(tmp_path / "models")
    assert not list(tmp_path.glob("outside*"))


# --- what is no model from images to masks


def two_outputs():
    image = keras.Input((None, None, 1))
    return keras.Model(image, [image * 1, image * 2])


def classifier():
    image = keras.Input((8, 8, 1))
    return keras.Model(image, keras.layers.Flatten()(image))


def smaller():
    image = keras.Input((8, 8, 1))
    return keras.Model(image, keras.layers.MaxPooling2D(2)(image))


@pytest.mark.parametrize("build", [two_outputs, classifier, smaller])
def test_no_images_in_or_out(build, tmp_path):
    tiny_models.save(build(), tmp_path)
    with pytest.raises(ModelError, match=r"takes .* and gives .*a model has one input"):
        artifacts.load(tmp_path)


def test_a_model_that_only_shows_its_size_when_it_runs(tmp_path):
    image = keras.Input((None, None, 1))
    tiny_models.save(keras.Model(image, keras.layers.MaxPooling2D(2)(image)), tmp_path)
    with pytest.raises(ModelError, match="size"):
        tune(artifacts.load(tmp_path))


def test_a_model_that_gives_nan(tmp_path):
    model = tiny_models.identity()
    model.layers[-1].set_weights([np.full((1, 1, 1, 1), np.nan, np.float32)])
    source = artifacts.load(tiny_models.save(model, tmp_path))
    with pytest.raises(ModelError, match="NaN"):
        tune(source)
