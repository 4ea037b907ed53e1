"""Learning from a teacher, and beginning with the weights of others."""

import json

import click
import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from models.lib import synthetic
from models.lib.augmentation import Section
from models.lib.crops import Crops, Plan
from models.lib.distillation import Teachers, mean_weights
from models.lib.weights import between_cells
from models.train import main
from segmentation.networks import unet

FILTERS = 2


def image(seed):
    return np.random.default_rng(seed).random((2, 32, 32, 1), np.float32)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two models with weights of chance."""
    made = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        folder = tmp_path_factory.mktemp("model")
        unet.build(FILTERS).save(folder / "model.keras")
        made.append(folder)
    return made


def models(folders):
    return [keras.saving.load_model(folder / "model.keras") for folder in folders]


def test_teachers_give_the_mean_over_models_flips_and_turns(folders):
    images, answers = image(3), []
    for model in models(folders):
        for quarters in range(4):
            turned = np.rot90(images, quarters, (1, 2))
            answers.append(np.rot90(model(turned.copy()), -quarters, (1, 2)))
            flipped = model(turned[:, :, ::-1].copy())[:, :, ::-1]
            answers.append(np.rot90(flipped, -quarters, (1, 2)))
    np.testing.assert_allclose(Teachers(folders)(images), np.mean(answers, axis=0), atol=1e-4)


def test_a_teacher_of_one_turn(folders):
    images = image(3)
    mean = np.mean([model(images) for model in models(folders)], axis=0)
    np.testing.assert_allclose(Teachers(folders, turns=1)(images), mean, atol=1e-5)


def test_teachers_compute_in_the_precision_of_the_training(folders):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        rounded = Teachers(folders)(image(3))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert rounded.dtype == np.float32
    difference = np.abs(rounded - Teachers(folders)(image(3))).max()
    assert 1e-5 < difference < 0.02


def test_targets_are_the_mean_of_labels_and_teacher():
    section = Section(*synthetic.section(1, (96, 96)), np.ones((96, 96), np.float32))
    crops = Crops([section], [], Plan(2, 2, 64, seed=1), lambda images: images**2)
    for index in range(2):
        images, targets, weights = crops[index]
        labels = 2 * targets - images**2  # the teacher sees what the student sees
        np.testing.assert_allclose(labels, labels > 0.5, atol=1e-5)
        assert 0.3 < labels.mean() < 0.95
        assert weights.shape == images.shape[:3]


def test_the_mean_of_weights(folders):
    one, other = (model.get_weights() for model in models(folders))
    for mean, a, b in zip(mean_weights(folders, unet.build(FILTERS)), one, other, strict=True):
        np.testing.assert_allclose(mean, (a + b) / 2, atol=1e-7)


def test_weights_of_another_network(folders):
    with pytest.raises(click.ClickException, match="--filters must be the same"):
        mean_weights(folders, unet.build(FILTERS + 1))


def test_no_model_to_start_from(tmp_path):
    with pytest.raises(click.ClickException, match="no model to start from"):
        mean_weights([tmp_path], unet.build(FILTERS))


def test_no_teacher(tmp_path):
    with pytest.raises(click.ClickException, match="no teacher in"):
        Teachers([tmp_path])


def of_logits():
    logits = unet.build(FILTERS)
    logits.layers[-1].activation = keras.activations.linear
    image = keras.Input((None, None, 1))
    return keras.Model(image, logits(keras.layers.Rescaling(1 / 255)(image)))


@pytest.mark.parametrize("build", [of_logits, lambda: unet.build(FILTERS, classes=3)])
def test_another_network_is_no_teacher(build, tmp_path):
    build().save(tmp_path / "model.keras")
    with pytest.raises(click.ClickException, match="is no U-Net from one channel to one class"):
        Teachers([tmp_path])


def test_a_teacher_that_wants_other_intensities(tmp_path):
    unet.build(FILTERS).save(tmp_path / "model.keras")
    steps = [{"id": "scale_linear", "kwargs": {"gain": 255, "offset": 0}}]
    (tmp_path / "model.json").write_text(json.dumps({"preprocessing": steps}))
    with pytest.raises(click.ClickException, match="has a preprocessing"):
        Teachers([tmp_path])


def test_training_starts_from_the_weights_and_learns_from_the_teachers(folders, tmp_path):
    """At a learning rate of 0 weights stay, and the loss is that of the start."""
    for name, part in zip(("image", "label"), synthetic.section(5, (64, 64)), strict=True):
        (tmp_path / name).mkdir()
        Image.fromarray(part).save(tmp_path / name / "0.png")
    command = [tmp_path / "image", tmp_path / "label", "--out", tmp_path / "student"]
    command += ["--filters", FILTERS, "--crop", 64, "--batch", 2, "--steps", 3, "--epochs", 1]
    command += ["--learning-rate", 0, "--seed", 7]
    for folder in folders:
        command += ["--teacher", folder, "--start-from", folder]
    CliRunner().invoke(main, [*map(str, command)], catch_exceptions=False)
    start = unet.build(FILTERS)
    start.set_weights(mean_weights(folders, start))
    student = keras.saving.load_model(tmp_path / "student" / "model.keras")
    for stayed, weight in zip(student.trainable_weights, start.trainable_weights, strict=True):
        np.testing.assert_allclose(stayed, weight, atol=1e-6)
    picture, label = synthetic.section(5, (64, 64))
    section = Section(picture, label, between_cells(label))
    crops = Crops([section], [], Plan(3, 2, 64, seed=7), Teachers(folders))
    crops.on_epoch_end()  # as Keras does before the first one
    losses = [_loss(start, *crops[index]) for index in range(3)]
    history = json.loads((tmp_path / "student" / "history.json").read_text())
    assert history[0]["loss"] == pytest.approx(np.mean(losses), rel=1e-3)


def _loss(model, images, targets, weights):
    entropy = keras.losses.binary_crossentropy(targets, model(images, training=True))
    return np.mean(np.asarray(entropy) * weights)
