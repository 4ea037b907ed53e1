"""Networks that were trained on all that people train on, served with and without a spec.

Each is trained for a few seconds on synthetic sections. What is served is compared with the mask
that the training code would make of its own network.
"""

import json

import keras
import numpy as np
import pytest
from keras import layers

from models.lib import synthetic
from segmentation.answers import Mask
from segmentation.errors import ModelError
from segmentation.images import from_array
from segmentation.running.predict import predict
from segmentation.running.segmenter import load
from segmentation.spec import ModelSpec

SIDE, STEPS, RATE = 112, 50, 0.015
TRAINED = [synthetic.section(seed, (SIDE, SIDE)) for seed in range(4)]
UNSEEN, TRUTH = synthetic.section(9, (SIDE, SIDE))


def body(image):
    x = image
    for _ in range(2):
        x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    return x


def network(classes=1, activation="sigmoid"):
    image = keras.Input((None, None, 1))
    return keras.Model(image, layers.Conv2D(classes, 1, activation=activation)(body(image)))


def two_outputs():
    image = keras.Input((None, None, 1))
    x = body(image)
    dark = layers.Conv2D(1, 1, activation="sigmoid", name="dark")(x)
    return keras.Model(image, [dark, layers.Conv2D(1, 1, activation="sigmoid", name="cell")(x)])


def normalised():
    """Its first normalisation remembers what it was trained on."""
    image = keras.Input((None, None, 1))
    x = layers.Conv2D(8, 3, padding="same", use_bias=False)(image)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    return keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid")(x))


def cells(label):
    return (label == synthetic.CELL).astype(np.float32)[..., None]


def dark(pixels):
    return (pixels < 90).astype(np.float32)[..., None]


def bright(pixels):
    return (pixels > 130).astype(np.float32)[..., None]


def standardised(pixels):
    return (pixels - pixels.mean()) / pixels.std()


def trained(model, preprocess, targets, loss="binary_crossentropy", rate=RATE):
    """The model after STEPS steps on all sections."""
    inputs = np.stack([preprocess(pixels.astype(np.float32)) for pixels, _ in TRAINED])[..., None]
    wanted = [targets(pixels, label) for pixels, label in TRAINED]
    several = isinstance(wanted[0], list)
    wanted = [np.stack(each) for each in zip(*wanted, strict=True)] if several else np.stack(wanted)
    model.compile(keras.optimizers.Adam(rate), loss=loss)
    model.fit(inputs, wanted, batch_size=4, epochs=STEPS, verbose=0)
    return model


def plain(pixels):
    return pixels / 255


INTENSITIES = {
    "minus one to one": (
        lambda pixels: pixels / 127.5 - 1,
        [{"id": "scale_linear", "kwargs": {"gain": 2, "offset": -1}}],
    ),
    "0 to 255": (lambda pixels: pixels, [{"id": "scale_linear", "kwargs": {"gain": 255}}]),
    "standardised": (standardised, [{"id": "zero_mean_unit_variance"}]),
}


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(4)


def save(model, folder, **spec):
    model.save(folder / "model.keras")
    (folder / "model.json").write_text(json.dumps(spec))


def served(folder):
    segmenter = load(folder)
    answer = Mask.wanted(None, segmenter.spec, segmenter.network.classes)
    images = from_array(UNSEEN).for_channels(1)
    return np.asarray(predict(segmenter, images, answer))


def given(model, preprocess=plain):
    """What the training code's network gives for the section that it has not seen."""
    return model(preprocess(UNSEEN.astype(np.float32))[None, ..., None])


def mask(probabilities):
    return np.where(np.asarray(probabilities)[0, ..., 0] > 0.5, 255, 0)


def same(answer, expected):
    """But for pixels that rounding decides."""
    return np.mean(answer == expected) > 0.999


def is_good(answer):
    """That it has learned anything: else all networks would answer the same."""
    return np.mean(answer == TRUTH) > 0.8


@pytest.mark.parametrize("kind", INTENSITIES)
def test_intensities(kind, tmp_path, caplog):
    preprocess, steps = INTENSITIES[kind]
    rate = RATE / 10 if kind == "0 to 255" else RATE
    model = trained(network(), preprocess, lambda _, label: cells(label), rate=rate)
    expected = mask(given(model, preprocess))
    assert is_good(expected)
    save(model, tmp_path, preprocessing=steps)
    assert same(served(tmp_path), expected)
    assert not caplog.text
    save(model, tmp_path)
    assert not same(served(tmp_path), expected)
    assert "nothing says what it was trained on" in caplog.text


@pytest.mark.parametrize("kind", [*INTENSITIES, "0 to 1"])
def test_intensities_that_a_normalisation_remembers(kind, tmp_path):
    preprocess, steps = INTENSITIES.get(kind, (plain, []))
    model = trained(normalised(), preprocess, lambda _, label: cells(label))
    expected = mask(given(model, preprocess))
    assert is_good(expected)
    save(model, tmp_path, preprocessing=steps)
    assert same(served(tmp_path), expected)
    save(model, tmp_path)
    if kind == "0 to 1":
        assert same(served(tmp_path), expected)
        return
    with pytest.raises(ModelError, match="was not trained on intensities of 0–1: its first") as why:
        served(tmp_path)
    assert f'"preprocessing": {json.dumps(steps)}' in str(why.value)


@pytest.mark.parametrize("spec", [{"postprocessing": [{"id": "sigmoid"}]}, {}])
def test_logits(spec, tmp_path):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model = trained(network(1, None), plain, lambda _, label: cells(label), loss)
    expected = mask(keras.ops.sigmoid(given(model)))
    assert is_good(expected)
    save(model, tmp_path, **spec)
    assert same(served(tmp_path), expected)


@pytest.mark.parametrize("spec", [{"multilabel": True}, {}])
def test_classes_that_overlap(spec, tmp_path):
    model = trained(
        network(2),
        plain,
        lambda pixels, label: np.concatenate([cells(label), bright(pixels)], axis=-1),
    )
    expected = np.where(np.asarray(given(model))[0] > 0.5, 255, 0)
    assert is_good(expected[..., 0])
    assert (expected > 0).all(axis=-1).any()  # they do overlap
    save(model, tmp_path, **spec)
    assert same(served(tmp_path), expected)


@pytest.mark.parametrize(("spec", "index"), [({"output": "cell"}, 1), ({"output": 0}, 0), ({}, 1)])
def test_two_outputs(spec, index, tmp_path, caplog):
    losses = ["binary_crossentropy"] * 2
    model = trained(
        two_outputs(), plain, lambda pixels, label: [dark(pixels), cells(label)], losses
    )
    expected = [mask(output) for output in given(model)]
    assert is_good(expected[1])
    assert not same(*expected)
    save(model, tmp_path, **spec)
    assert same(served(tmp_path), expected[index])
    assert ("of which cell is taken" in caplog.text) is not bool(spec)


def test_the_threshold_is_that_of_the_spec(tmp_path):
    model = trained(network(), plain, lambda _, label: cells(label))
    expected = np.where(np.asarray(given(model))[0, ..., 0] > 0.8, 255, 0)
    save(model, tmp_path, threshold=0.8)
    assert ModelSpec.read(tmp_path).threshold == 0.8
    assert same(served(tmp_path), expected)
