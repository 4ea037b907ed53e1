"""Loading: every kind of artifact that people have."""

import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from segmentation import artifacts
from segmentation.errors import ModelError
from segmentation.networks import openvino, unet
from segmentation.networks.conversion import keras_files, load, readers
from segmentation.networks.network import Source
from segmentation.networks.tune import tune
from support import bad_artifacts, tiny_models

KERAS2 = Path(__file__).resolve().parents[1] / "fixtures" / "keras2"


def answer(source: Source, images: np.ndarray) -> np.ndarray:
    return openvino.network(source, "float32", None).run(images)


def load_here(model_dir: Path, scratch: Path) -> Source:
    """As ``artifacts.load`` does, but in this process: another one takes seconds."""
    path = artifacts.find(model_dir)
    return load.of_reading(readers.read(path, scratch), path.name, None)


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(3)
    return unet.build(filters=2, input_shape=(None, None, 3), classes=4)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(3).random((1, 32, 48, 3), np.float32)


# --- what people have


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.weights.h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_keras_3(network, images, name, tmp_path):
    save = network.save_weights if "weights" in name else network.save
    save(tmp_path / name)
    source = artifacts.load(tmp_path)
    assert (source.channels, source.classes, source.height, source.width) == (3, 4, None, None)
    np.testing.assert_allclose(answer(source, images), network(images), atol=1e-5)


@pytest.mark.parametrize("folder", [".", "exported", "exported/1"])
def test_saved_model(network, images, tmp_path, folder, caplog):
    caplog.set_level("INFO")
    network.export(tmp_path / folder, verbose=False)
    source = artifacts.load(tmp_path)
    assert (source.channels, source.classes, source.geometry.stride) == (3, 4, unet.STRIDE)
    np.testing.assert_allclose(answer(source, images), network(images), atol=1e-5)
    assert "its graph gives what it gives for a picture of cells" in caplog.text


@pytest.mark.parametrize(
    ("artifact", "data"),
    [("gray.h5", "gray"), ("gray-weights.hdf5", "gray"), ("classes-weights.hdf5", "classes")],
)
def test_keras_2(artifact, data, tmp_path):
    """As Keras 2.4 itself answered; see fixtures/keras2/make.py."""
    shutil.copy(KERAS2 / artifact, tmp_path)
    source = load_here(tmp_path, tmp_path)
    with np.load(KERAS2 / f"{data}.npz") as known:
        images, expected = known["images"], known["expected"]
    assert (source.channels, source.classes) == (images.shape[-1], expected.shape[-1])
    np.testing.assert_allclose(answer(source, images), expected, atol=1e-5)


@pytest.mark.parametrize(("filters", "channels", "classes"), [(1, 1, 1), (2, 2, 3), (4, 1, 1)])
def test_weights_alone_tell_the_size(filters, channels, classes, tmp_path):
    path = tmp_path / "model.weights.h5"
    unet.build(filters, (None, None, channels), classes).save_weights(path)
    model = keras_files.load(path)
    assert model.get_layer("down1_conv1").filters == filters
    assert (model.input_shape[-1], model.output_shape[-1]) == (channels, classes)


MATRIX = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], np.float32)


@pytest.mark.parametrize("channels_first", [False, True])
@pytest.mark.parametrize("location", ["", "weights.data"])
def test_onnx(images, channels_first, location, tmp_path, caplog):
    bad_artifacts.onnx(tmp_path / "model.onnx", MATRIX, channels_first, location)
    if location:
        (tmp_path / location).write_bytes((MATRIX.T if channels_first else MATRIX).tobytes())
    caplog.set_level("INFO")
    source = artifacts.load(tmp_path)
    assert (source.channels, source.classes, source.height, source.width) == (3, 2, None, None)
    np.testing.assert_allclose(answer(source, images), images @ MATRIX, atol=1e-6)
    assert "its graph gives what it gives for a picture of cells" in caplog.text


def test_weights_beside_an_onnx_that_are_not_there_are_named(tmp_path):
    bad_artifacts.onnx(tmp_path / "model.onnx", MATRIX, True, "weights.data")
    with pytest.raises(ModelError, match=r"weights in 'weights\.data', which is not in"):
        artifacts.load(tmp_path)


def test_onnx_whose_graph_is_of_something_else_is_refused(tmp_path):
    """It is what a fault of OpenVINO would be."""
    paths = tmp_path / "model.onnx", tmp_path / "other.onnx"
    for path, matrix in zip(paths, (MATRIX, MATRIX / 2), strict=True):
        bad_artifacts.onnx(path, matrix, channels_first=True)
    model, other = (readers.read(path, tmp_path) for path in paths)
    source = load.of_reading(replace(model, graph=other.graph), "model.onnx", None)
    reason = r"can run model\.onnx: its graph differs from it by 0\.\d+ on a picture of cells"
    with pytest.raises(ModelError, match=reason):
        tune(source)


def test_onnx_that_onnx_runtime_cannot_load_is_not_compared(images, tmp_path, caplog):
    """It refuses versions of the operations that it does not know; OpenVINO takes the newest."""
    bad_artifacts.onnx(tmp_path / "model.onnx", MATRIX, channels_first=True, opset=999)
    caplog.set_level("INFO")
    source = artifacts.load(tmp_path)
    np.testing.assert_allclose(answer(source, images), images @ MATRIX, atol=1e-6)
    assert "its graph is not compared with its source: ONNX Runtime cannot load it" in caplog.text


def lite(network):
    return tf.lite.TFLiteConverter.from_keras_model(network).convert()


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter:UserWarning")
@pytest.mark.parametrize("size", [(None, None), (32, 48)])
def test_tensorflow_lite(images, size, tmp_path, caplog):
    network = tiny_models.mean_of_rgb(size)
    (tmp_path / "model.tflite").write_bytes(lite(network))
    caplog.set_level("INFO")
    source = artifacts.load(tmp_path)
    np.testing.assert_allclose(answer(source, images), network(images), atol=1e-5)
    assert "its graph gives what it gives for a picture of cells" in caplog.text


# --- where in an archive it lies


def touched(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["unet/model.keras", "code/inference.py"], "unet/model.keras"),
        (["a/b/model.onnx", "a/README.md"], "a/b/model.onnx"),
        (["export/Servo/1/saved_model.pb"], "export/Servo/1"),
        (["export/Servo/9/saved_model.pb", "export/Servo/10/saved_model.pb"], "export/Servo/10"),
        (["2/saved_model.pb", "10/saved_model.pb", "1/saved_model.pb"], "10"),
        (["unet/1/saved_model.pb", "unet/3/saved_model.pb"], "unet/3"),
        (["1/model.onnx", "2/model.onnx"], "2/model.onnx"),
        (["unet/saved_model.pb"], "unet"),
        (["model.h5", "architecture.json", "model_weights.h5"], "model.h5"),
        (["model.keras", "best.weights.h5"], "model.keras"),
        (["unet_weights.h5"], "unet_weights.h5"),
    ],
)
def test_where_it_lies(files, found, tmp_path):
    touched(tmp_path, *files)
    assert artifacts.find(tmp_path) == tmp_path / found


@pytest.mark.parametrize("name", ["model.onnx", "saved_model.pb"])
def test_a_pointer_of_git_lfs_is_told(tmp_path, name):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    (tmp_path / name).write_bytes(pointer)
    with pytest.raises(ModelError, match=r"keeps in place of a file; .* `git lfs pull`"):
        artifacts.load(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "model.onnx",
        "model.keras",
        "model.h5",
        "model.hdf5",
        "model.weights.h5",
        "model.tflite",
        "saved_model.pb",
    ],
)
def test_an_empty_file_is_told(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(ModelError, match=f"{name} is empty"):
        artifacts.load(tmp_path)


def test_code_in_a_folder_of_the_archive_is_not_passed_over(tmp_path):
    touched(tmp_path, "unet/model.onnx", "unet/code/inference.py")
    with pytest.raises(ModelError, match=r"unet/code is looked for at the top.*; move code/ there"):
        artifacts.find(tmp_path)


@pytest.mark.parametrize(
    "files",
    [
        ["a/model.keras", "b/model.keras"],
        ["model.keras", "model.h5"],
        ["unet/1/saved_model.pb", "other/1/saved_model.pb"],
    ],
)
def test_several_models_are_refused(files, tmp_path):
    touched(tmp_path, *files)
    with pytest.raises(ModelError, match=r"no model in|2 models in"):
        artifacts.find(tmp_path)
