"""Outputs as they come: several, in a row, smaller, without their border, indices of classes."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from segmentation import artifacts
from segmentation.answers import Probability
from segmentation.errors import ModelError
from segmentation.images import from_array
from segmentation.networks import openvino, tensorflow
from segmentation.networks.conversion import comparing
from segmentation.networks.conversion.load import of_keras
from segmentation.networks.tune import tune
from segmentation.running.predict import predict
from segmentation.running.segmenter import load, make
from segmentation.spec import ModelSpec
from segmentation.spec_entries import Ports
from support.sources import of_module, straight


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(2)


@pytest.fixture
def images():
    return np.random.default_rng(5).random((2, 48, 64, 3), np.float32)


def body(image):
    x = layers.Conv2D(6, 3, padding="same", activation="relu")(image)
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    return layers.UpSampling2D()(x)


def model_of(*chain, size=(None, None), batch=None):
    x = image = keras.Input((*size, 3), batch_size=batch)
    x = body(x)
    for layer in chain:
        x = layer(x)
    return keras.Model(image, x)


def head(classes=2, activation="softmax", **settings):
    return layers.Conv2D(classes, 1, activation=activation, kernel_initializer="normal", **settings)


def logit(values):
    return np.log(values / (1 - values))


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def answers(source, images):
    """By OpenVINO; and by TensorFlow, which is to give the same."""
    values = openvino.network(source, "float32", None).run(images)
    if source.load:
        other = tensorflow.network(source, "float32", None).run(images)
        np.testing.assert_allclose(values, other, atol=1e-4)
    return values


def two_outputs(structure):
    image = keras.Input((None, None, 3))
    x = body(image)
    first = head(1, "sigmoid", name="boundary")(x)
    second = head(1, "sigmoid", name="cells")(x)
    return keras.Model(image, structure(first, second))


STRUCTURES = {
    "list": lambda first, second: [first, second],
    "dictionary": lambda first, second: {"edges": first, "inside": second},
}


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_last_of_several_outputs_is_taken_and_said(structure, images, caplog):
    model = two_outputs(STRUCTURES[structure])
    expected = tf.nest.flatten(model(images))[1]
    np.testing.assert_allclose(answers(of_keras(model), images), expected, atol=1e-5)
    assert f"of which {'cells' if structure == 'list' else 'inside'} is taken" in caplog.text


@pytest.mark.parametrize(
    ("structure", "output"), [("list", 0), ("list", "boundary"), ("dictionary", "edges")]
)
def test_an_output_is_taken_by_its_name_or_index(structure, output, images, caplog):
    model = two_outputs(STRUCTURES[structure])
    source = of_keras(model, ports=Ports(output=output))
    np.testing.assert_allclose(
        answers(source, images), tf.nest.flatten(model(images))[0], atol=1e-5
    )
    assert "is taken" not in caplog.text


@pytest.mark.parametrize("output", ["mask", 2])
def test_an_output_that_is_not_there_is_refused(output):
    with pytest.raises(ModelError, match=rf"output is {output!r}.*gives boundary \(.*, cells \("):
        of_keras(two_outputs(STRUCTURES["list"]), ports=Ports(output=output))


def test_the_input_may_be_named(images):
    model = model_of(head())
    name = model.inputs[0].name
    assert of_keras(model, ports=Ports(input=name)).channels == 3
    with pytest.raises(ModelError, match=f"input is called 'raw', and model takes {name}"):
        of_keras(model, ports=Ports(input="raw"))


def test_what_model_json_says_of_outputs_holds_for_a_directory(images, tmp_path):
    model = two_outputs(STRUCTURES["list"])
    model.save(tmp_path / "model.keras")
    for output, expected in enumerate(model(images)):
        (tmp_path / "model.json").write_text(json.dumps({"output": output}))
        network = load(tmp_path).network  # a graph that was kept would be of the other one
        np.testing.assert_allclose(network.run(images), expected, atol=1e-5)


@pytest.mark.parametrize("size", [(None, None), (48, 64)])
@pytest.mark.parametrize("order", ["pixels first", "classes first"])
def test_pixels_in_a_row(size, order, images):
    chain = [head(), layers.Reshape((-1, 2))]
    if order == "classes first":
        chain.append(layers.Permute((2, 1)))
    model = model_of(*chain, size=size)
    expected = np.asarray(model(images))
    if order == "classes first":
        expected = expected.transpose(0, 2, 1)
    result = answers(of_keras(model), images)
    np.testing.assert_allclose(result, expected.reshape(2, 48, 64, 2), atol=1e-5)


@pytest.mark.parametrize("factor", [2, 3, 4, 7])
def test_smaller_outputs_are_enlarged_by_their_logits(factor, caplog):
    size = (6 * factor, 8 * factor)
    images = np.random.default_rng(5).random((2, *size, 3), np.float32)
    model = straight(
        layers.Conv2D(6, 3, padding="same"),
        layers.AveragePooling2D(factor),
        head(1, "sigmoid"),
        channels=3,
    )
    small = logit(np.asarray(model(images)))
    expected = sigmoid(tf.image.resize(small, size).numpy())
    np.testing.assert_allclose(answers(of_keras(model), images), expected, atol=1e-5)
    assert f"gives images of 1/{factor} of the size" in caplog.text


@pytest.mark.parametrize("patch", [14, 10, 7])
def test_patches_whose_size_is_no_power_of_two(patch):
    chain = [layers.Conv2D(8, patch, strides=patch), head(1, None), layers.UpSampling2D(patch)]
    model = straight(*chain, layers.Activation("sigmoid"), channels=3)
    network = make(of_keras(model), ModelSpec()).network
    image = np.random.default_rng(5).random((1, 6 * patch, 8 * patch, 3), np.float32)
    np.testing.assert_allclose(network.run(image), model(image), atol=1e-5)
    assert network.geometry.stride == patch


def test_one_value_for_a_patch_of_14_pixels():
    model = straight(layers.Conv2D(8, 14, strides=14), head(1, "sigmoid"), channels=3)
    image = np.random.default_rng(5).random((1, 84, 112, 3), np.float32)
    small = logit(np.asarray(model(image)))
    expected = sigmoid(tf.image.resize(small, (84, 112)).numpy())
    np.testing.assert_allclose(answers(of_keras(model), image), expected, atol=1e-5)


def test_smaller_outputs_of_several_classes(images):
    model = model_of(layers.AveragePooling2D(2), head(3))
    expected = tf.nn.softmax(tf.image.resize(np.log(model(images)), (48, 64)))
    np.testing.assert_allclose(answers(of_keras(model), images), expected, atol=1e-5)


def test_smaller_logits_are_enlarged(images):
    model = model_of(layers.AveragePooling2D(2), head(1, None))
    expected = sigmoid(tf.image.resize(model(images), (48, 64)).numpy())
    network = make(of_keras(model), ModelSpec()).network
    np.testing.assert_allclose(network.run(images), expected, atol=1e-5)


def reflected(images, border):
    return np.pad(images, ((0, 0), (border, border), (border, border), (0, 0)), mode="reflect")


def test_a_border_that_is_lost_is_mirrored(images, caplog):
    chain = [layers.Conv2D(4, 3), layers.Conv2D(1, 5, activation="sigmoid")]
    model = straight(*chain, channels=3)
    source = of_keras(model)
    assert source.geometry.stride == 1
    np.testing.assert_allclose(answers(source, images), model(reflected(images, 3)), atol=1e-5)
    assert "gives images that lack a border; 3 pixels around the image are mirrored" in caplog.text
    one_pixel = images[:, :1, :1]
    expected = model(np.broadcast_to(one_pixel, (2, 7, 7, 3)))
    np.testing.assert_allclose(answers(source, one_pixel), expected, atol=1e-5)


def test_a_u_net_without_padding(images):
    """As in the paper: the size must fit its poolings, and skips are cropped."""
    image = keras.Input((None, None, 3))
    skip = layers.Conv2D(4, 3, activation="relu")(image)
    x = layers.Conv2D(4, 3, activation="relu")(layers.MaxPooling2D()(skip))
    x = layers.Conv2DTranspose(4, 2, strides=2)(x)
    x = layers.concatenate([layers.Cropping2D(2)(skip), x])
    model = keras.Model(image, layers.Conv2D(1, 3, activation="sigmoid")(x))
    source = of_keras(model)
    assert source.geometry.stride == 2
    result = answers(source, images)
    border = 4  # of the 8 pixels that it loses
    np.testing.assert_allclose(result, model(reflected(images, border)), atol=1e-5)


def test_tiles_of_a_network_without_padding_are_exact(tmp_path):
    """Of a tile, nothing is kept that saw a mirrored border where the image goes on."""
    image = keras.Input((None, None, 1))
    x = layers.Conv2D(4, 3, activation="relu")(image)
    for _ in range(7):
        x = layers.Conv2D(4, (17, 17), activation="relu")(x)
    source = of_keras(keras.Model(image, layers.Conv2D(1, 33, activation="sigmoid")(x)))
    images = from_array(np.random.default_rng(5).integers(0, 255, (400, 90), np.uint8))

    def served(size):
        segmenter = make(source, ModelSpec(), tile_size=size)
        return predict(segmenter, images.for_channels(1), Probability())

    whole, tiled = served(448), served(320)
    assert (source.form.border, whole.tiles, tiled.tiles) == (73, 1, 2)
    np.testing.assert_allclose(tiled.values, whole.values, atol=1e-5)


def test_one_plane_without_an_axis_of_classes(images):
    model = model_of(head(1, "sigmoid"), layers.Lambda(lambda x: x[..., 0]))
    np.testing.assert_allclose(answers(of_keras(model), images)[..., 0], model(images), atol=1e-5)


def test_classes_first(images):
    model = model_of(head(3), layers.Permute((3, 1, 2)))
    expected = np.moveaxis(np.asarray(model(images)), 1, -1)
    np.testing.assert_allclose(answers(of_keras(model), images), expected, atol=1e-5)


def test_a_batch_of_fixed_size(images):
    model = model_of(head(), batch=1)
    expected = np.concatenate([model(image[None]) for image in images])
    np.testing.assert_allclose(answers(of_keras(model), images), expected, atol=1e-5)


class WithoutBatch(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((None, None, 3), tf.float32, "image")])
    def __call__(self, image):
        return tf.sigmoid(image[..., :1] - image[..., 1:2])


def test_images_without_a_batch(images, tmp_path):
    source = of_module(WithoutBatch(), tmp_path)
    result = openvino.network(source, "float32", None).run(images)
    np.testing.assert_allclose(result, sigmoid(images[..., :1] - images[..., 1:2]), atol=1e-5)


LACKING = {
    "(H, W)": (lambda x: tf.sigmoid(x[0, ..., 0] - 0.5), 1),
    "(H, W, K)": (lambda x: tf.sigmoid(x[0] - 0.5), 3),
    "(K, H, W)": (lambda x: tf.transpose(tf.sigmoid(x[0] - 0.5), (2, 0, 1)), 3),
}


@pytest.mark.parametrize("size", [(48, 64), (None, None)])
@pytest.mark.parametrize("shape", LACKING)
def test_of_one_image_an_output_may_lack_the_batch(shape, size, images, tmp_path):
    """As networks of PyTorch do that end with ``squeeze()``."""
    last, classes = LACKING[shape]
    module = tf.Module()
    signature = [tf.TensorSpec((1, *size, 3), tf.float32, "image")]
    module.__call__ = tf.function(last, input_signature=signature)
    source = of_module(module, tmp_path)
    result = openvino.network(source, "float32", None).run(images)
    assert (source.batch, source.classes) == (1, classes)
    np.testing.assert_allclose(result, sigmoid(images[..., :classes] - 0.5), atol=1e-5)


class Labels(tf.Module):
    def __init__(self, last):
        super().__init__()
        self._last = last

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, "image")])
    def __call__(self, image):
        return self._last(image)


LASTS = {
    "argmax": lambda image: tf.argmax(image, axis=-1),
    "argmax with its axis": lambda image: tf.argmax(image, axis=-1, output_type=tf.int32)[
        ..., None
    ],
    "as floats": lambda image: tf.cast(tf.argmax(image, axis=-1), tf.float32),
}


@pytest.mark.parametrize("last", LASTS)
def test_indices_of_classes(last, images, tmp_path):
    segmenter = make(of_module(Labels(LASTS[last]), tmp_path), ModelSpec())
    probabilities = segmenter.network.run(images)
    np.testing.assert_array_equal(probabilities, np.eye(3)[images.argmax(axis=-1)])


def test_a_mask_of_true_and_false_is_one_class(images, tmp_path):
    module = Labels(lambda image: tf.cast(image[..., 0] > 0.5, tf.uint8))
    probabilities = make(of_module(module, tmp_path), ModelSpec()).network.run(images)
    np.testing.assert_array_equal(probabilities, images[..., :1] > 0.5)


def test_whole_numbers_of_unknown_meaning_need_their_classes(images, tmp_path):
    source = of_module(Labels(lambda image: tf.cast(2.9 * image[..., 0], tf.int32)), tmp_path)
    with pytest.raises(ModelError, match=r'does not tell of how many.*"classes"'):
        make(source, ModelSpec())
    named = ModelSpec(class_names=("background", "wall", "cell"))
    probabilities = make(source, named).network.run(images)
    np.testing.assert_array_equal(probabilities.argmax(axis=-1), np.floor(2.9 * images[..., 0]))
    fewer = make(source, ModelSpec(class_names=("background", "cell")))
    with pytest.raises(ModelError, match="gives 0 to 2; the classes are 0 to 1"):
        fewer.network.run(images)


def test_classes_that_a_saved_model_of_keras_chooses(images, tmp_path):
    """Keras looks at the sign of each logit by its bits, which OpenVINO does not know."""
    image = keras.Input((None, None, 3))
    logits = head(3, None)(body(image))
    keras.Model(image, keras.ops.argmax(logits, axis=-1)).export(tmp_path / "1", verbose=False)
    with pytest.raises(ModelError, match=r'does not tell of how many.*"classes"'):
        load(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps({"classes": [{"name": n} for n in "abc"]}))
    expected = np.eye(3)[np.argmax(keras.Model(image, logits)(images), axis=-1)]
    np.testing.assert_array_equal(load(tmp_path).network.run(images), expected)


class Signatures(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)])
    def segment(self, image):
        return {"mask": tf.sigmoid(image[..., :1] - 0.5)}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32)])
    def scale(self, values):
        return {"scaled": 2 * values}


@pytest.mark.parametrize("usual", ["scale", "none"])
def test_of_several_signatures_the_one_that_takes_an_image(usual, images, tmp_path):
    module = Signatures()
    scale = "serving_default" if usual == "scale" else "numbers"
    signatures = {scale: module.scale, "zz_segment": module.segment}
    tf.saved_model.save(module, str(tmp_path / "1"), signatures=signatures)
    network = tune(artifacts.load(tmp_path))
    np.testing.assert_allclose(network.run(images), sigmoid(images[..., :1] - 0.5), atol=1e-5)


def test_several_outputs_of_which_none_has_the_size_need_a_name():
    """As StarDist gives them: probabilities, and distances."""
    image = keras.Input((None, None, 3))
    x = layers.MaxPooling2D()(body(image))
    model = keras.Model(image, [head(1, "sigmoid", name="prob")(x), head(32, None, name="dist")(x)])
    with pytest.raises(ModelError, match=r"gives prob \(.*, dist .*none has the image's size"):
        of_keras(model)
    assert of_keras(model, ports=Ports(output="prob")).classes == 1


def test_indices_of_classes_are_no_logits(tmp_path):
    source = of_module(Labels(LASTS["argmax"]), tmp_path)
    with pytest.raises(ModelError, match="gives indices of classes, which are no logits"):
        make(source, ModelSpec(postprocessing=("sigmoid",)))


def test_what_only_tensorflow_runs_means_what_its_graph_tells(images, monkeypatch):
    monkeypatch.setattr(comparing, "same", lambda *_: False)
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(2, 3, padding="same")(layers.Rescaling(1 / 255)(image))
    source = of_keras(keras.Model(image, x))
    assert source.graph is None
    assert (source.ends.largest, source.ends.activation) == (255, "linear")


def test_what_has_another_shape_is_refused():
    with pytest.raises(
        ModelError, match=r"model takes .* \(\?, \?, \?, 3\) and gives .* \(\?, 5\)"
    ):
        of_keras(model_of(layers.GlobalAveragePooling2D(), layers.Dense(5)))


@pytest.mark.parametrize("factor", [16, 32])
def test_much_smaller_outputs_of_a_fixed_size_are_no_border(factor):
    model = model_of(layers.AveragePooling2D(factor), head(1, "sigmoid"), size=(128, 128))
    images = np.random.default_rng(5).random((2, 128, 128, 3), np.float32)
    small = logit(np.asarray(model(images)))
    expected = sigmoid(tf.image.resize(small, (128, 128)).numpy())
    np.testing.assert_allclose(answers(of_keras(model), images), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("side", "reason"),
    [(40, "no image of a size that was tried"), (80, "changes their size within")],
)
def test_images_that_were_made_smaller_lack_no_border(side, reason):
    image = keras.Input((128, 128, 3))
    model = keras.Model(image, head(1, "sigmoid")(layers.Resizing(side, side)(image)))
    with pytest.raises(ModelError, match=reason):
        of_keras(model)


class Named(tf.Module):
    """Outputs of some names and activations."""

    def __init__(self, **activations):
        super().__init__()
        rng = np.random.default_rng(2)
        self.kernel = tf.constant(rng.normal(0, 1, (3, 3, 3, 1)), tf.float32)
        self.activations = activations

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)])
    def __call__(self, images):
        x = tf.nn.conv2d(images, self.kernel, 1, "SAME")
        return {
            name: activation(x + number)
            for number, (name, activation) in enumerate(self.activations.items())
        }


@pytest.mark.parametrize(
    ("activations", "taken"),
    [
        ({"a_out": tf.sigmoid, "aux": tf.sigmoid}, "a_out"),
        ({"a_mask": tf.sigmoid, "features": tf.nn.relu}, "a_mask"),
        ({"a_mask": tf.sigmoid, "uncertainty": tf.sigmoid}, "a_mask"),
        ({"a_mask": tf.sigmoid, "seg_uncertainty": tf.sigmoid}, "a_mask"),
        ({"a_mask": tf.sigmoid, "log_var": tf.sigmoid}, "a_mask"),
        ({"first": tf.sigmoid, "second": tf.sigmoid}, "second"),
    ],
)
def test_which_of_several_outputs_is_taken(activations, taken, images, tmp_path):
    module = Named(**activations)
    source = of_module(module, tmp_path)
    np.testing.assert_allclose(answers(source, images), module(images)[taken], atol=1e-5)


def test_answers_say_that_the_last_of_several_outputs_was_taken(tmp_path):
    two_outputs(STRUCTURES["list"]).save(tmp_path / "model.keras")
    assert "cells is taken, the last one of several alike" in load(tmp_path).remark
    (tmp_path / "model.json").write_text(json.dumps({"output": "cells"}))
    assert "is taken" not in load(tmp_path).remark


@pytest.mark.parametrize("layer", [layers.RandomFlip, layers.GaussianNoise])
def test_layers_that_change_images_in_training_alone_do_nothing(layer, images):
    options = {"mode": "horizontal"} if layer is layers.RandomFlip else {"stddev": 0.5}
    plain = model_of(head(), size=(48, 64))
    image = keras.Input((48, 64, 3))
    model = keras.Model(image, plain(layers.Rescaling(1 / 255)(layer(**options)(image))))
    source = of_keras(model)
    assert source.graph is not None
    assert source.ends.largest == 255
    np.testing.assert_allclose(answers(source, 255 * images), plain(images), atol=1e-5)
