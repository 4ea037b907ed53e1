"""What the numbers mean that networks take and give: told by their layers, or by model.json."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from segmentation.answers import Probability
from segmentation.errors import ModelError
from segmentation.images import from_array
from segmentation.networks.conversion import exporting
from segmentation.networks.conversion.load import of_keras
from segmentation.networks.network import Ends
from segmentation.networks.tune import Computing
from segmentation.running.predict import predict
from segmentation.running.segmenter import load, make
from segmentation.spec import ModelSpec
from support.sources import straight


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(1)


@pytest.fixture(scope="module")
def pixels():
    """Darker on the left, so that tiles differ from each other and from the whole."""
    noise = np.random.default_rng(2).random((64, 96)) * np.linspace(0.1, 1, 96)
    return (255 * noise).astype(np.uint8)


def spec_of(**entries):
    return ModelSpec.parse(json.dumps(entries).encode())


def served(model, pixels, spec=None, **settings):
    """The probabilities that a server gives, (H, W, K)."""
    segmenter = make(of_keras(model), spec or ModelSpec(), **settings)
    answer = Probability.wanted(None, segmenter.spec, segmenter.network.classes)
    images = from_array(pixels).for_channels(segmenter.network.channels)
    return predict(segmenter, images, answer).values[0].reshape(*pixels.shape[:2], -1)


def given(model, intensities):
    """What the model itself gives for numbers as its maker feeds it, (H, W, K)."""
    batch = np.asarray(intensities, np.float32)[None, ..., None]
    return keras.ops.convert_to_numpy(model(batch))[0]


def unet_like(*last, first=()):
    return straight(*first, layers.Conv2D(4, 3, padding="same", activation="relu"), *last)


def ends_of(model):
    return of_keras(model).ends


HEAD = {"kernel_size": 1, "kernel_initializer": "he_normal"}


def logits(classes):
    return layers.Conv2D(classes, **HEAD)


# --- told by the layers


@pytest.mark.parametrize(
    ("last", "activation"),
    [
        (lambda: [layers.Conv2D(1, **HEAD, activation="sigmoid")], "sigmoid"),
        (lambda: [layers.Conv2D(3, **HEAD, activation="softmax")], "softmax"),
        (lambda: [logits(1)], "linear"),
        (lambda: [logits(3), layers.Activation("softmax")], "softmax"),
        (lambda: [logits(3), layers.BatchNormalization()], "linear"),
        (lambda: [layers.Conv2DTranspose(1, 3, padding="same")], "linear"),
        (lambda: [layers.Conv2D(1, **HEAD, activation="relu")], ""),
        (lambda: [layers.Conv2D(1, **HEAD, activation="tanh")], ""),
        (lambda: [layers.Conv2D(1, **HEAD, activation="relu"), layers.Rescaling(255)], ""),
    ],
)
def test_what_it_ends_with(last, activation):
    assert ends_of(unet_like(*last())) == Ends(1, activation)


@pytest.mark.parametrize(
    ("first", "largest"),
    [
        (list, 1),
        (lambda: [layers.Rescaling(1 / 255)], 255),
        (lambda: [layers.Rescaling(1 / 127.5, offset=-1)], 255),
        (lambda: [layers.Normalization(mean=120.0, variance=3000.0)], 255),
        (lambda: [layers.Normalization(mean=0.5, variance=0.04)], 1),
        (lambda: [layers.Rescaling(2, offset=-1)], 1),
        (lambda: [layers.Rescaling(1 / 255), layers.Normalization(mean=0.5, variance=0.04)], 255),
        (lambda: [layers.ZeroPadding2D(0), layers.Rescaling(1 / 255)], 255),
        (lambda: [layers.Normalization(mean=115.0, variance=1.0)], 255),  # as "caffe" does
        (lambda: [layers.Rescaling(2.0, offset=-1)], 1),
    ],
)
def test_what_it_takes(first, largest):
    model = unet_like(layers.Conv2D(1, **HEAD, activation="sigmoid"), first=first())
    assert ends_of(model) == Ends(largest, "sigmoid")


def test_logits_become_probabilities(pixels, caplog):
    model = unet_like(logits(1))
    expected = 1 / (1 + np.exp(-given(model, pixels / 255)))
    np.testing.assert_allclose(served(model, pixels), expected, atol=1e-5)
    assert "taken to give logits, and sigmoid makes probabilities of them" in caplog.text


def test_logits_of_classes_become_probabilities(pixels, caplog):
    model = unet_like(logits(3))
    values = np.exp(50 * given(model, pixels / 255).astype(np.float64))
    model.layers[-1].set_weights([50 * weights for weights in model.layers[-1].get_weights()])
    expected = values / values.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(served(model, pixels), expected, atol=1e-3)
    assert "softmax makes probabilities of them" in caplog.text


def test_a_first_layer_that_divides_is_given_large_numbers(pixels, caplog):
    model = unet_like(layers.Conv2D(1, 1, activation="sigmoid"), first=[layers.Rescaling(1 / 255)])
    np.testing.assert_allclose(served(model, pixels), given(model, pixels), atol=1e-5)
    assert "takes intensities of 0–255, as its first layer tells" in caplog.text


@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
def test_whole_numbers_are_given_whole(pixels, engine):
    image = keras.Input((None, None, 1), dtype="uint8")
    x = keras.ops.cast(image, "float32") / 255
    model = keras.Model(image, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x))
    expected = keras.ops.convert_to_numpy(model(pixels[None, ..., None]))[0]
    answer = served(model, pixels, computing=Computing(engine, "float32"))
    np.testing.assert_allclose(answer, expected, atol=1e-5)


@pytest.mark.parametrize("within", [list, lambda chain: [keras.Sequential(chain)]])
@pytest.mark.parametrize(
    ("scale", "white"), [(1 / 255, 255), (1 / 65535, 65535), (1 / 4095, 0), (2, 1)]
)
def test_a_first_layer_that_divides_is_told_where_there_is_no_graph(
    scale, white, within, monkeypatch
):
    def fails(*_):
        raise RuntimeError("it cannot be read")

    monkeypatch.setattr(exporting, "export", fails)
    x = image = keras.Input((None, None, 1))
    for layer in within([keras.layers.GaussianNoise(0.1), keras.layers.Rescaling(scale)]):
        x = layer(x)
    source = of_keras(keras.Model(image, keras.layers.Activation("sigmoid")(x)))
    assert (source.graph, source.ends.largest) == (None, white)


@pytest.mark.parametrize(("kind", "white"), [("uint8", 255), ("uint16", 65535), ("int32", 255)])
def test_whole_numbers_are_told_where_there_is_no_graph(kind, white, monkeypatch):
    def fail(*_):
        raise RuntimeError("too new")

    monkeypatch.setattr(exporting, "export", fail)
    image = keras.Input((None, None, 1), dtype=kind)
    source = of_keras(keras.Model(image, keras.ops.cast(image, "float32") / white))
    assert (source.graph, source.ends.largest) == (None, white)


def test_other_values_than_probabilities_are_refused(pixels):
    model = unet_like(layers.Conv2D(1, 1, activation="tanh"), first=[layers.Rescaling(-9)])
    model.layers[-1].set_weights([-5 * np.abs(w) - 1 for w in model.layers[-1].get_weights()])
    with pytest.raises(ModelError, match=r"gives values from -1 to .*; probabilities are 0–1; if"):
        served(model, pixels)


@pytest.mark.parametrize(
    ("said", "overlap"),
    [({}, True), ({"multilabel": False}, False), ({"multilabel": True}, True)],
)
def test_classes_with_probabilities_of_their_own_overlap(said, overlap, pixels, caplog):
    model = unet_like(layers.Conv2D(3, 1, activation="sigmoid"))
    segmenter = make(of_keras(model), spec_of(**said))
    assert segmenter.spec.multilabel is overlap
    assert ("a probability of its own (sigmoid)" in caplog.text) is not bool(said)


@pytest.mark.parametrize(
    ("said", "activation"),
    [
        ({"multilabel": True}, "sigmoid"),
        ({"postprocessing": [{"id": "sigmoid"}]}, "sigmoid"),
        ({}, "softmax"),
    ],
)
def test_logits_of_classes_that_overlap(said, activation, pixels):
    model = unet_like(logits(3))
    segmenter = make(of_keras(model), spec_of(**said))
    intensities = pixels[None, ..., None].astype(np.float32) / 255
    expected = keras.activations.get(activation)(model(intensities))
    np.testing.assert_allclose(segmenter.network.run(intensities), expected, atol=1e-5)
    assert segmenter.spec.multilabel is (activation == "sigmoid")


def test_classes_of_which_nothing_tells_whether_they_overlap_are_refused(pixels):
    clipped = layers.ReLU(max_value=1.0)
    model = unet_like(layers.Conv2D(3, 1, bias_initializer="ones"), clipped)
    with pytest.raises(ModelError, match=r'whose sums are .* may overlap.*"multilabel": true'):
        served(model, pixels)
    for said in (True, False):
        assert make(of_keras(model), spec_of(multilabel=said)).spec.multilabel is said


# --- told by model.json


def test_an_activation_after_another_one_is_said(pixels, caplog):
    model = unet_like(layers.Conv2D(1, 1, activation="sigmoid"))
    served(model, pixels, spec_of(preprocessing=[], postprocessing=[{"id": "sigmoid"}]))
    assert "ends with sigmoid, and sigmoid of model.json is applied to what that" in caplog.text


def test_softmax_of_one_class_is_refused(pixels):
    with pytest.raises(ModelError, match="of which softmax makes 1 everywhere; name sigmoid"):
        served(unet_like(logits(1)), pixels, spec_of(postprocessing=[{"id": "softmax"}]))


def test_a_spec_replaces_what_is_assumed(pixels, caplog):
    first = [layers.Rescaling(1 / 255)]
    model = unet_like(layers.Conv2D(1, 1, kernel_initializer="zeros"), first=first)
    answer = served(model, pixels, spec_of(preprocessing=[], postprocessing=[]))
    np.testing.assert_allclose(answer, given(model, pixels / 255), atol=1e-6)
    assert "taken" not in caplog.text
    assert "takes" not in caplog.text


def test_logits_that_are_said_to_be_probabilities_are_refused(pixels):
    model = unet_like(logits(1))
    model.layers[-1].set_weights([w - 9 for w in model.layers[-1].get_weights()])
    with pytest.raises(ModelError, match="probabilities are 0–1"):
        served(model, pixels, spec_of(postprocessing=[]))


def test_a_network_of_minus_one_to_one(pixels):
    model = unet_like(logits(1))
    step = {"id": "scale_linear", "kwargs": {"gain": 2, "offset": -1}}
    spec = spec_of(preprocessing=[step], postprocessing=[{"id": "sigmoid"}])
    expected = 1 / (1 + np.exp(-given(model, pixels / 127.5 - 1)))
    np.testing.assert_allclose(served(model, pixels, spec), expected, atol=1e-5)


@pytest.mark.parametrize("tile_size", [None, 32])
def test_a_standardised_image_is_one_whole(pixels, tile_size):
    """Tiles are standardised by the numbers of the image, not by their own."""
    model = unet_like(layers.Conv2D(1, 1, activation="sigmoid"))
    spec = spec_of(preprocessing=[{"id": "zero_mean_unit_variance"}])
    x = pixels / 255
    expected = given(model, (x - x.mean()) / (x.std() + 1e-6))
    inner = (slice(2, -2), slice(2, -2))  # beyond, tiles are padded by mirroring
    answer = served(model, pixels, spec, tile_size=tile_size, tile_overlap=8)
    np.testing.assert_allclose(answer[inner], expected[inner], atol=1e-5)


def test_a_spec_of_other_channels_is_refused(pixels):
    step = {"id": "scale_linear", "kwargs": {"gain": [1, 2, 3]}}
    with pytest.raises(ModelError, match="another number of channels than model, which takes 1"):
        served(unet_like(logits(1)), pixels, spec_of(preprocessing=[step]))


def test_augmentation_tells_no_layer_that_it_trains(pixels):
    """Keras 3 exports batch normalisation behind it as in training, where nobody says no."""
    first = keras.Sequential([layers.RandomFlip(), layers.RandomContrast(0.2)])
    image = keras.Input((None, None, 1))
    x = layers.Conv2D(4, 3, padding="same")(layers.Rescaling(1 / 255)(first(image)))
    x = layers.ReLU()(layers.BatchNormalization()(x))
    model = keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid")(x))
    source = of_keras(model)
    assert (source.graph is not None, source.ends.largest) == (True, 255)
    expected = keras.ops.convert_to_numpy(
        model(pixels[None, ..., None].astype(np.float32), training=False)
    )
    answer = served(model, pixels, computing=Computing("openvino", "float32"))
    np.testing.assert_allclose(answer, expected[0], atol=1e-5)


def test_the_indices_of_classes_have_a_graph(pixels):
    """Keras 3 looks at the bits of a number, to tell 0 from -0, before it looks for the largest."""
    image = keras.Input((None, None, 1))
    x = layers.Conv2D(3, 3, padding="same")(image)
    source = of_keras(keras.Model(image, keras.ops.argmax(x, axis=-1)))
    assert (source.graph is not None, source.ends.labels) == (True, 3)


def test_roots_of_numbers_below_0_tell_nothing(pixels):
    model = straight(
        layers.Activation(keras.ops.sqrt),
        layers.Conv2D(8, 3, padding="same"),
        layers.BatchNormalization(),
        layers.Conv2D(1, 1, activation="sigmoid"),
    )
    norm = model.layers[-2]
    norm.set_weights([w + 0.1 for w in norm.get_weights()])
    answer = served(model, pixels, computing=Computing("openvino", "float32"))
    np.testing.assert_allclose(answer, given(model, pixels / 255), atol=1e-5)


def test_what_answers_by_chance_is_refused(pixels, tmp_path):
    image = keras.Input((None, None, 1))
    x = layers.Conv2D(1, 3, padding="same", activation="sigmoid")(layers.RandomFlip()(image))
    keras.Model(image, x).export(tmp_path / "model", format="tf_saved_model", verbose=False)
    with pytest.raises(ModelError, match="gives something else for the same picture each time"):
        load(tmp_path)


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")  # so it is
def test_the_softmax_of_one_class_is_refused(pixels):
    with pytest.raises(ModelError, match="softmax of one class, which is 1 for each pixel"):
        served(unet_like(layers.Conv2D(1, 1, activation="softmax")), pixels)
