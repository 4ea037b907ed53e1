"""The tools around the model: synthetic sections, training, evaluation."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import keras
import numpy as np
import pytest
from PIL import Image

from models.lib import augmentation, scores, synthetic
from models.lib.augmentation import Augmenter, Section, entropy
from models.lib.crops import Crops, Plan
from models.lib.sections import positions, turned
from models.lib.weights import WEIGHTS, between_cells
from segmentation.answers import Mask
from segmentation.images import from_array
from segmentation.running.predict import predict
from segmentation.running.segmenter import load

ROOT = Path(__file__).resolve().parents[2]
MODEL_DIR = ROOT / "models" / "unet-membrane"
SCRIPTS = ROOT / "scripts" / "models"


def run(script, *arguments):
    command = [sys.executable, str(SCRIPTS / script), *map(str, arguments)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def test_a_seed_makes_one_section():
    image, label = synthetic.section(7, (96, 64))
    again, _ = synthetic.section(7, (96, 64))
    assert image.shape == label.shape == (96, 64)
    assert image.dtype == label.dtype == np.uint8
    assert set(np.unique(label)) == {0, 255}
    np.testing.assert_array_equal(image, again)
    assert (synthetic.section(8, (96, 64))[0] != image).any()


def test_membranes_are_dark():
    image, label = synthetic.section(7)
    assert image[label == 0].mean() < image[label == 255].mean() - 30


def test_score_of_a_perfect_and_of_a_merged_mask():
    truth = np.zeros((9, 9), np.uint8)
    truth[:4], truth[5:] = 255, 255
    assert scores.score(truth, truth) == {
        "pixel_accuracy": 1,
        "membrane_iou": 1,
        "adapted_rand_error": 0,
        "v_rand": 1,
        "v_info": 1,
    }
    merged = scores.score(np.full_like(truth, 255), truth)
    assert merged["membrane_iou"] == 0
    # one component for two equal cells: precision 1/2, recall 1
    assert merged["adapted_rand_error"] == pytest.approx(1 / 3, abs=0.01)
    assert merged["v_rand"] == pytest.approx(2 / 3, abs=0.01)
    assert merged["v_info"] == 0  # it tells nothing of the cell that a pixel is in


def test_thinning_forgives_thick_membranes_and_no_gaps():
    truth = np.full((64, 64), 255, np.uint8)
    truth[:, 31] = 0
    thick, gap = truth.copy(), truth.copy()
    thick[:, 26:37] = 0
    gap[40, 31] = 255
    assert scores.score(thick, truth)["adapted_rand_error"] > 0.05
    assert scores.after_thinning(thick > 0, truth > 0) == {"v_rand": 1, "v_info": 1}
    assert scores.after_thinning(gap > 0, truth > 0)["v_info"] == pytest.approx(0, abs=0.01)


def test_v_info_of_a_split_cell():
    truth, mask = np.ones((64, 65), bool), np.ones((64, 65), bool)
    truth[:, 32], mask[:, 32], mask[32] = False, False, False
    # H(T) = 1 bit, H(S) = 2 and I = 1, but for the pixels on the line, each a cell of its own
    assert scores.after_thinning(mask, truth)["v_info"] == pytest.approx(2 / 3, abs=0.04)


def test_the_best_threshold_is_that_of_the_fewest_errors():
    label = np.full((64, 64), 255, np.uint8)
    label[:, 31:33] = 0
    probability = np.where(label > 0, 0.9, 0.4)
    probability[:, :20] = 0.6
    assert scores.best_threshold([probability], [(label, label)]) == 0.4


def test_the_best_threshold_is_not_that_of_a_few_cells_alone():
    label = np.full((64, 64), 255, np.uint8)
    label[:, 31:33] = 0
    label[:16] = 0
    probability = np.where(label > 0, 0.9, 0.1)
    probability[8, 0] = 0.3  # the least error of cells is at 0.3, and little less than at 0.2
    probability[:16, 40:] = 0.3
    assert scores.best_threshold([probability], [(label, label)]) == 0.3


@pytest.mark.parametrize(("text", "chosen"), [("", []), ("3", [3]), ("1-3,5", [1, 2, 3, 5])])
def test_positions(text, chosen):
    assert positions(text, 6) == chosen


def test_positions_beyond_the_end():
    with pytest.raises(click.ClickException, match="there are 3 sections"):
        positions("3", 3)


def test_weights_are_highest_between_cells():
    label = np.full((40, 40), 255, np.uint8)
    label[:, 10:12] = 0  # thin
    label[:, 25:40] = 0  # wide, and no cell behind it
    weights = between_cells(label)
    assert weights[20, 10] > 6
    assert weights[20, 35] == pytest.approx(1)
    assert (weights[label == 255] == 1).all()


@pytest.mark.parametrize(("weigh", "highest"), [("midlines", 9), ("thin-midlines", 21)])
def test_weights_are_highest_on_the_middle_lines_of_borders(weigh, highest):
    label = np.full((64, 64), 255, np.uint8)
    label[:, 20:29] = 0
    weights = WEIGHTS[weigh](label)
    assert weights[32, 24] == pytest.approx(highest)
    assert (np.diff(weights[32, 20:25]) > 0).all()
    assert (weights[label == 255] == 1).all()


@pytest.mark.parametrize("weigh", WEIGHTS)
def test_weights_without_background(weigh):
    assert (WEIGHTS[weigh](np.full((8, 8), 255, np.uint8)) == 1).all()


def test_entropy_of_balanced_classes():
    label = np.array([[0, 255]], np.uint8)
    section = Section(label, label, np.ones((1, 2), np.float32))
    assert entropy([section]) == pytest.approx(np.log(2))


def test_crops_depend_on_seed_epoch_and_index_alone():
    image, label = synthetic.section(1, (128, 128))
    section = Section(image, label, between_cells(label))
    crops = [Crops([section], [], Plan(3, 2, 64, seed)) for seed in (1, 1, 2)]
    images, labels, weights = crops[0][2]
    assert images.shape == labels.shape == (2, 64, 64, 1)
    assert weights.shape == (2, 64, 64)
    assert 0 <= images.min() < images.max() <= 1
    np.testing.assert_array_equal(images, crops[1][2][0])
    assert (images != crops[2][2][0]).any()


def as_they_are(monkeypatch):
    """Crops around the middle that nothing is done to."""

    def places(_, sizes, side):
        count = len(sizes)
        return {
            "turn": np.tile(np.eye(2, dtype=np.float32), (count, 1, 1)),
            "elastic": np.zeros((count, 2, 4, 4), np.float32),
            "centre": ((sizes - 1) / 2).astype(np.float32),
        }

    def light(_, count):
        one, none = np.ones(count, np.float32), np.zeros(count, np.float32)
        kernel = np.tile(np.float32([0, 0, 0, 1, 0, 0, 0]), (count, 1))
        grains = np.zeros((count, 2), np.int32)
        names = ("contrast", "brightness", "gamma", "noise", "kernel", "grains")
        return dict(zip(names, (one, none, one, none, kernel, grains), strict=True))

    monkeypatch.setattr(augmentation, "_places", places)
    monkeypatch.setattr(augmentation, "_light", light)


def test_crops_of_sections_of_several_sizes(monkeypatch):
    as_they_are(monkeypatch)
    pairs = [synthetic.section(seed, size) for seed, size in ((1, (96, 64)), (2, (64, 128)))]
    sections = [Section(*pair, between_cells(pair[1])) for pair in pairs]
    images, labels, weights = Augmenter(sections)(None, np.array([0, 1, 0]), 64)
    for index, section in enumerate((*sections, sections[0])):
        top, left = ((length - 64) // 2 for length in section.image.shape)
        window = np.s_[top : top + 64, left : left + 64]
        np.testing.assert_allclose(images[index, ..., 0], section.image[window] / 255, atol=1e-5)
        np.testing.assert_array_equal(labels[index, ..., 0], section.label[window] > 0)
        np.testing.assert_allclose(weights[index], section.weights[window], atol=1e-4)


def test_crops_are_mirrored_beyond_the_edges(monkeypatch):
    as_they_are(monkeypatch)
    section = Section(*synthetic.section(1, (64, 64)), np.ones((64, 64), np.float32))
    images, _, _ = Augmenter([section])(None, np.array([0]), 80)
    mirrored = np.pad(section.image, 8, mode="reflect") / 255
    np.testing.assert_allclose(images[0, ..., 0], mirrored, atol=1e-5)


def test_image_label_and_weights_are_deformed_alike():
    """A section whose image is its label: crops differ by their light alone."""
    _, label = synthetic.section(1, (128, 128))
    section = Section(label, label, 1 + (label > 0).astype(np.float32))
    images, labels, weights = Augmenter([section])(np.random.default_rng(1), np.zeros(16, int), 64)
    assert np.abs((weights[..., None] > 1.5) - labels).mean() < 0.001
    for image, cells in zip(images, labels > 0, strict=True):
        assert image[cells].mean() > image[~cells].mean() + 0.3
    assert len({round(float(image.mean()), 4) for image in images}) == 16


@pytest.fixture(scope="module")
def sections(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sections")
    for name in ("image", "label"):
        (folder / name).mkdir()
    for index in range(3):
        image, label = synthetic.section(index, (96, 96))
        Image.fromarray(image).save(folder / "image" / f"{index}.png")
        Image.fromarray(label).save(folder / "label" / f"{index}.png")
    return folder / "image", folder / "label"


SMALL = ("--filters", 4, "--steps", 20, "--batch", 2, "--crop", 64, "--validate", "2")


@pytest.fixture(scope="module")
def trained(sections, tmp_path_factory):
    """A run of one epoch that another has resumed."""
    out = tmp_path_factory.mktemp("run")
    options = (*sections, *SMALL, "--out", out)
    first = run("train.py", *options, "--epochs", 1)
    assert first.returncode == 0, first.stderr
    second = run("train.py", *options, "--epochs", 2, "--resume")
    assert second.returncode == 0, second.stderr
    assert second.stdout.splitlines()[-1].endswith(f"make serve MODEL_DIR={out}")
    return out


def test_training_learns_and_resumes(trained):
    history = json.loads((trained / "history.json").read_text())
    assert len(history) == 2
    assert history[-1]["loss"] < history[0]["loss"]
    with Image.open(trained / "curve.png") as curve:
        assert curve.width > 100
    model = keras.saving.load_model(trained / "model.keras")
    assert model.compute_dtype == "float32"
    assert not model.compiled


def test_what_was_trained_can_be_served(trained, sections, caplog):
    segmenter = load(trained)
    figures = json.loads((trained / "metrics.json").read_text())
    assert segmenter.spec.threshold == figures["threshold"]
    answer = Mask.wanted(None, segmenter.spec, segmenter.network.classes)
    with Image.open(sections[0] / "2.png") as image, Image.open(sections[1] / "2.png") as label:
        mask = predict(segmenter, from_array(np.asarray(image)).for_channels(1), answer).values[0]
        accuracy = (np.asarray(mask) == np.asarray(label)).mean()
    assert accuracy == pytest.approx(figures["2"]["pixel_accuracy"], abs=0.002)
    assert not caplog.text


def test_a_dead_network_fails_loudly(sections, tmp_path):
    options = (*SMALL, "--epochs", 4, "--learning-rate", 0, "--out", tmp_path / "run")
    dead = run("train.py", *sections, *options)
    assert dead.returncode == 1
    assert "the network has died" in dead.stderr.splitlines()[-1]


def test_synthetic_sections_are_written(tmp_path):
    written = run("generate.py", tmp_path, "--count", 2, "--size", 32, 48, "--seed", 7)
    assert written.returncode == 0, written.stderr
    for index in range(2):
        image, label = synthetic.section(7 + index, (32, 48))
        with Image.open(tmp_path / "image" / f"0{index}.png") as file:
            np.testing.assert_array_equal(file, image)
        with Image.open(tmp_path / "label" / f"0{index}.png") as file:
            np.testing.assert_array_equal(file, label)


def test_evaluation_chooses_a_threshold(sections, tmp_path):
    out = tmp_path / "figures.json"
    options = (
        "--on",
        "2",
        "--choose-on",
        "0-1",
        "--synthetic",
        1,
        "--also",
        "float32",
        "--out",
        out,
    )
    result = run("evaluate.py", MODEL_DIR, *sections, *options)
    assert result.returncode == 0, result.stderr
    figures = json.loads(out.read_text())
    assert json.loads(result.stdout) == figures
    assert 0 < figures["threshold"] < 1
    assert figures["2"]["pixel_accuracy"] > 0.8
    assert figures["synthetic, float32"]["agreement_with_float32"] == 1


def test_evaluation_without_synthetic_sections(sections):
    result = run("evaluate.py", MODEL_DIR, *sections, "--on", "2", "--synthetic", 0)
    assert result.returncode == 0, result.stderr
    assert set(json.loads(result.stdout)) == {"threshold", "2", "2, turned", "2, augment=8"}


def test_a_missing_label(sections, tmp_path):
    result = run("train.py", sections[0], tmp_path)
    assert result.returncode == 1
    assert "has no label" in result.stderr.splitlines()[-1]


def test_sections_are_turned_with_their_labels():
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    pairs = turned((image, 10 * image))
    assert len({one.tobytes() + bytes(one.shape) for one, _ in pairs}) == 8
    assert all((label == 10 * one).all() for one, label in pairs)
