"""Which artifact of a directory is loaded, and those that are refused, each with its reason."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from segmentation import artifacts
from segmentation.errors import ModelError
from segmentation.networks import openvino, unet
from segmentation.networks.conversion import saved_model
from support import bad_artifacts, tiny_models


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(3)
    return unet.build(filters=2, input_shape=(None, None, 3), classes=4)


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
    with pytest.raises(
        ModelError, match=r"no model in .*must hold a \.keras.*PyTorch .*ONNX.*found: weights\.pt"
    ):
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
@pytest.mark.parametrize("content", [b"PK\x03\x04 nothing", b"\x89HDF\r\n\x1a\n cut"])
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


def test_onnx_of_an_operation_that_nobody_knows(tmp_path):
    bad_artifacts.onnx_of_an_operation(tmp_path / "model.onnx", "Segment")
    reason = (
        r"^OpenVINO cannot run operations of model\.onnx: Segment \(unknown\); make .* model_fn"
    )
    with pytest.raises(ModelError, match=reason):
        artifacts.load(tmp_path)


def test_onnx_that_does_what_openvino_cannot_do(tmp_path):
    bad_artifacts.onnx_that_wraps(tmp_path / "model.onnx")
    reason = r"operations of model\.onnx: Pad \(Unsupported padding mode: \[wrap\]\); make"
    with pytest.raises(ModelError, match=reason):
        artifacts.load(tmp_path)


def test_onnx_that_takes_other_sizes_than_it_says(tmp_path):
    bad_artifacts.onnx_of_large_images(tmp_path / "model.onnx")
    reason = (
        r"model\.onnx fails on an image of the shape \(1, 256, 256, 1\).* out of .*export it for"
    )
    with pytest.raises(ModelError, match=reason):
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


# --- effects of a SavedModel


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


def dumps(path):
    """By an operation for debugging, which TensorFlow does not call stateful."""
    return lambda image: tf.raw_ops.DebugIdentity(input=image, debug_urls=[f"file://{path}"])


def remaps(path):
    """A vocabulary; nor this."""
    return lambda image: (
        image
        + tf.cast(
            tf.raw_ops.GenerateVocabRemapping(
                new_vocab_file=path, old_vocab_file=path, new_vocab_offset=0, num_new_vocab=1
            ).num_present,
            tf.float32,
        )
    )


def nested(path):
    """A graph in a string, whose dataset would write."""
    inner = tf.Graph()
    with inner.as_default():
        tf.io.write_file(path, "x")
    graph = inner.as_graph_def().SerializeToString()
    return lambda image: (tf.raw_ops.DatasetFromGraph(graph_def=graph), image)[1]


EFFECTS = [
    writes,
    reads,
    lists,
    saves,
    restores,
    python,
    stateless_python,
    hidden,
    dumps,
    remaps,
    nested,
]


@pytest.mark.parametrize("effect", EFFECTS)
def test_a_saved_model_with_effects_is_refused(effect, tmp_path):
    module, outside = tf.Module(), tmp_path / "outside"
    signature = [tf.TensorSpec((None, None, None, 1), tf.float32, name="image")]
    module.run = tf.function(effect(str(outside)), input_signature=signature)
    tf.saved_model.save(module, str(tmp_path / "models" / "exported"))
    exported = tmp_path / "models" / "exported"
    with pytest.raises(ModelError, match="TensorFlow does not run exported: it has the operations"):
        saved_model.load(exported)
    with contextlib.suppress(ModelError):  # what it cannot convert; the rest has no effects left
        network = openvino.network(artifacts.load(tmp_path / "models"), "float32", None)
        network.run(np.ones((1, 8, 8, 1), np.float32))
    assert not list(tmp_path.glob("outside*"))


# --- what is no model from images to masks


def two_inputs():
    images = [keras.Input((None, None, 1)), keras.Input((None, None, 1))]
    return keras.Model(images, keras.layers.add(images))


def classifier():
    image = keras.Input((8, 8, 1))
    return keras.Model(image, keras.layers.Dense(10)(keras.layers.Flatten()(image)))


def much_smaller():
    image = keras.Input((None, None, 1))
    return keras.Model(image, keras.layers.MaxPooling2D(64)(image))


def volumes():
    image = keras.Input((8, None, None, 1))
    return keras.Model(image, image * 1)


@pytest.mark.parametrize("build", [two_inputs, classifier, much_smaller, volumes])
def test_no_images_in_or_out(build, tmp_path):
    build().save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match=r"takes .*; .*bring another in code/inference\.py"):
        artifacts.load(tmp_path)


def test_a_model_that_gives_nan(tmp_path):
    model = tiny_models.identity()
    model.layers[-1].set_weights([np.full((1, 1, 1, 1), np.nan, np.float32)])
    model.save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match="NaN"):
        artifacts.load(tmp_path)


def test_a_saved_model_of_text(tmp_path):
    """Signatures of an image beside it are not looked for: TensorFlow would have to load it all."""

    class OfText(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((), tf.string)])
        def tell(self, key):
            return {"told": key}

    module = OfText()
    tf.saved_model.save(module, str(tmp_path / "1"), signatures=module.tell)
    with pytest.raises(ModelError, match=r"takes text in its signature serving_default.*an image"):
        artifacts.load(tmp_path)
