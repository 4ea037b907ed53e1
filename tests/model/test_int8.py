"""Graphs in int8: calibrated on images, kept where they are as good, and served when asked for."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.lib import synthetic
from segmentation import artifacts
from segmentation.errors import SettingsError
from segmentation.networks import probe
from segmentation.networks.conversion import store
from segmentation.networks.tune import Computing, tune
from segmentation.running.segmenter import load
from support import tiny_models

ROOT = Path(__file__).resolve().parents[2]
EMBEDDED = ROOT / "models" / "unet-membrane"


@pytest.fixture(scope="module")
def sections(tmp_path_factory):
    """Folders of images, and of their labels."""
    folder = tmp_path_factory.mktemp("sections")
    for seed in range(4):
        for name, values in zip(("image", "label"), synthetic.section(seed), strict=True):
            (folder / name).mkdir(exist_ok=True)
            Image.fromarray(values).save(folder / name / f"{seed}.png")
    return folder / "image", folder / "label"


@pytest.fixture(scope="module")
def prepared(sections, tmp_path_factory):
    """The embedded model, prepared by the script; and what the script told."""
    model_dir = tmp_path_factory.mktemp("model") / "unet"
    shutil.copytree(EMBEDDED, model_dir)
    images, labels = sections
    command = [ROOT / "scripts/models/prepare.py", model_dir, "--int8", images, "--labels", labels]
    run = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, timeout=600
    )
    assert run.returncode == 0, run.stderr
    return model_dir, run.stderr


def test_the_script_tells_how_it_compares(prepared):
    _, told = prepared
    for figure in ("masks agree", "adapted Rand error, int8", "times as fast"):
        assert figure in told


def test_it_is_taken_when_asked_for(prepared):
    model_dir, _ = prepared
    source = artifacts.load(model_dir)
    exact, rounded = (tune(source, Computing(precision=name)) for name in ("float32", "int8"))
    picture = probe.picture(128, 128, 1)
    one, other = exact.run(picture), rounded.run(picture)
    assert not np.array_equal(one, other)
    assert probe.agreement(one, other, 0.5) > 0.99


def test_it_is_not_taken_by_itself(prepared):
    model_dir, _ = prepared
    source = artifacts.load(model_dir)
    picture = probe.picture(128, 128, 1)
    exact = tune(source, Computing(precision="float32")).run(picture)
    np.testing.assert_allclose(tune(source).run(picture), exact, atol=0.1)


def test_a_model_without_one_cannot_be_served_so(tmp_path):
    source = artifacts.load(tiny_models.save(tiny_models.identity(), tmp_path))
    with pytest.raises(SettingsError, match=r"`precision` is int8, in which .*prepare\.py --int8"):
        tune(source, Computing(precision="int8"))


def test_one_that_was_calibrated_on_other_intensities_is_not_used(prepared, tmp_path):
    model_dir = shutil.copytree(prepared[0], tmp_path / "model")
    load(model_dir, computing=Computing(precision="int8"))
    spec = {"preprocessing": [{"id": "scale_linear", "kwargs": {"gain": 255}}]}
    (model_dir / "model.json").write_text(json.dumps(spec))
    with pytest.raises(SettingsError, match=r"`precision` is int8, in which .* cannot be run"):
        load(model_dir, computing=Computing(precision="int8"))


def test_one_of_another_network_is_refused(prepared, tmp_path):
    model_dir, _ = prepared
    other = tiny_models.save(tiny_models.mean_of_rgb(), tmp_path)
    graph = store.beside(artifacts.find(model_dir))
    for name in ("int8.xml", "int8.bin"):
        shutil.copy(graph / name, store.beside(artifacts.find(other)) / name)
    with pytest.raises(artifacts.ModelError, match=r"int8\.xml is of another network"):
        artifacts.load(other)
