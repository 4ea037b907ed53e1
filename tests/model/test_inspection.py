"""scripts/models/inspect.py: what is found, what is assumed, and the model.json that says it."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from models.lib import inspection
from segmentation import artifacts
from segmentation.images import from_array
from support import tiny_models

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "models" / "inspect.py"
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)


def told(found):
    return {about: sentence for about, sentence in found.lines() if about != "assumed"}


def assumed(found):
    return [sentence for about, sentence in found.lines() if about == "assumed"]


def test_the_embedded_model():
    found = inspection.inspect(ROOT / "models" / "unet-membrane")
    assert told(found)["takes"].startswith("(N, H, W, C), 1 channel, any size that is a multiple")
    assert told(found)["gives"] == "(N, H, W, K): one foreground probability"
    assert told(found)["looks"] == "123 pixels far"
    assert assumed(found) == ["nothing"]
    written = json.loads((ROOT / "models" / "unet-membrane" / "model.json").read_text())
    assert written.items() <= found.model_json().items()


@pytest.fixture
def unspoken(tmp_path):
    """A model of which everything is assumed: 0–255, logits, the second output, half the size."""
    image = keras.Input((None, None, 1))
    x = layers.Conv2D(3, 3, padding="same")(layers.Rescaling(1 / 255)(image))
    small = layers.Conv2D(3, 1, name="small")(layers.MaxPooling2D()(x))
    scores = layers.GlobalAveragePooling2D()(x)
    keras.Model(image, [scores, small]).save(tmp_path / "model.keras")
    return tmp_path


def test_what_is_assumed_can_be_said_in_model_json(unspoken):
    found = inspection.inspect(unspoken)
    text = " ".join(assumed(found))
    for words in ("of which small is taken", "images of 1/2", "0–255", "softmax"):
        assert words in text
    said = found.model_json()
    assert said == {
        "preprocessing": [{"id": "scale_linear", "kwargs": {"gain": 255.0, "offset": 0.0}}],
        "postprocessing": [{"id": "softmax"}],
        "multilabel": False,
        "input": {"axes": "byxc"},
        "output": 1,
    }
    (unspoken / "model.json").write_text(json.dumps(said))
    again = inspection.inspect(unspoken)
    assert again.model_json() == said
    assert [s for s in assumed(again) if "1/2" not in s] == []
    images = from_array(PIXELS)
    np.testing.assert_array_equal(again.picture(images), found.picture(images))


def test_a_picture_of_the_answer(tmp_path):
    tiny_models.save(tiny_models.identity(), tmp_path)
    picture = inspection.inspect(tmp_path).picture(from_array(PIXELS))
    gap = inspection.GAP
    assert picture.shape == (20, 3 * 30 + 2 * gap, 3)
    np.testing.assert_array_equal(picture[:, :30, 0], PIXELS)  # the image, then its probabilities
    np.testing.assert_array_equal(picture[:, 30 + gap : 60 + gap, 0], PIXELS)
    drawn = (picture[:, -30:] == [255, 212, 0]).all(axis=-1)
    assert drawn.any()
    assert (PIXELS[drawn] > 127).all()


def run(*arguments):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_the_command(tmp_path):
    tiny_models.save(tiny_models.identity(), tmp_path / "model")
    Image.fromarray(PIXELS).save(tmp_path / "cells.png")
    out = tmp_path / "picture.png"
    shown = run(tmp_path / "model", "--image", tmp_path / "cells.png", "--out", out)
    assert shown.returncode == 0, shown.stderr
    assert "assumed      is given intensities of 0–1" in shown.stdout
    assert json.loads(shown.stdout.split("model.json   ")[1].splitlines()[0])["threshold"] == 0.5
    with Image.open(out) as picture:
        assert picture.height == 20


def test_a_model_that_cannot_be_served_ends_with_the_reason(tmp_path):
    shown = run(tmp_path)
    assert shown.returncode == 1
    assert shown.stderr.startswith("Error: no model in ")


def test_scripts_beside_it_find_pythons_own_inspect():
    """It has the name of a module of Python, in whose place it would be imported."""
    code = "import inspect, sys; print(inspect.cleandoc(' yes'), sys.modules['inspect'].__file__)"
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); {code}",
    ]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("yes ")


def test_a_folder_in_the_archive_is_inspected(tmp_path):
    tiny_models.save(tiny_models.identity(), tmp_path / "my-unet", prepared=False)
    (tmp_path / "my-unet" / "model.json").write_text('{"threshold": 0.25, "preprocessing": []}')
    found = inspection.inspect(tmp_path)
    assert found.path == artifacts.find(tmp_path) == tmp_path / "my-unet" / "model.keras"
    assert found.model_json()["threshold"] == 0.25
