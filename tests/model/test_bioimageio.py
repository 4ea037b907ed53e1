"""Packages of bioimage.io, as its own library makes them, are served as that answers them."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import yaml

from aws import package
from lib.environments import python_of
from segmentation import artifacts
from segmentation.answers import Mask
from segmentation.bioimageio import bundle
from segmentation.bioimageio import package as bioimageio
from segmentation.errors import ModelError
from segmentation.images import from_array
from segmentation.networks.activations import softmax
from segmentation.networks.tune import Computing
from segmentation.running import reproduction
from segmentation.running.predict import predict
from segmentation.running.segmenter import load
from segmentation.spec import ModelSpec
from support.commands import run

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "fixtures" / "bioimageio"
CASES = ("onnx", "onnx-0.4", "onnx-outputs", "keras", "keras-3", "saved-model")
FLOAT32 = Computing(precision="float32")


@pytest.fixture(scope="module")
def python():
    """The interpreter that has the library, and TensorFlow from ours."""
    return python_of(ROOT / ".venv-bioimageio", HERE / "requirements.txt", ours=True)


@pytest.fixture(scope="module")
def packages(python, tmp_path_factory):
    """A folder of packages, each of which bioimageio.core has judged good; see fixtures/make.py."""
    folder = tmp_path_factory.mktemp("packages")
    scratch = tmp_path_factory.mktemp("scratch")  # the library unpacks zips where it runs
    environment = os.environ | {"TMPDIR": str(scratch)}  # and leaves folders there
    command = [python, HERE / "make.py", folder]
    made = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=scratch, env=environment
    )
    assert made.returncode == 0, made.stderr[-2000:]
    return folder


@pytest.fixture
def copy(packages, tmp_path, monkeypatch):
    """A package that may be changed."""
    monkeypatch.setattr(bundle.tempfile, "tempdir", str(tmp_path))

    def of(name):
        return shutil.copytree(packages / name, tmp_path / name)

    return of


@pytest.mark.parametrize("name", CASES)
def test_the_published_test_is_reproduced(copy, name):
    directory = copy(name)
    segmenter = load(directory, computing=FLOAT32)
    assert "reproduces its published test" in reproduction.check(segmenter, directory)
    smaller = load(directory, computing=FLOAT32, tile_size=48)
    assert "reproduces" in reproduction.check(smaller, directory)


@pytest.mark.parametrize("name", ["onnx", "keras-3"])
def test_a_request_is_answered_as_the_library_answers(copy, name):
    """A file of 8 bits, as it is stored."""
    directory = copy(name)
    segmenter = load(directory, computing=FLOAT32)
    pixels, published = (np.load(directory / f"{end}.npy").squeeze() for end in ("raw", "mask"))
    images = from_array(pixels).for_channels(1)
    answer = Mask.wanted(None, segmenter.spec, 1)
    mask = predict(segmenter, images, answer).values[0]
    expected = published > (0 if name == "keras-3" else 0.5)
    assert 0.02 < expected.mean() < 0.98
    np.testing.assert_array_equal(mask > 0, expected)


def test_the_meaning_of_a_package(copy):
    spec = ModelSpec.read(copy("keras"))
    assert spec.class_names == ("background", "cell", "border")
    assert [step.id for step in spec.preprocessing.steps] == ["scale_linear", "scale_range", "clip"]


def test_another_input_than_published_is_noticed(copy):
    directory = copy("onnx")
    (directory / "model.json").write_text('{"preprocessing": []}')
    segmenter = load(directory, computing=FLOAT32)
    with pytest.raises(ModelError, match="does not reproduce its published test: values differ"):
        reproduction.check(segmenter, directory)


def test_another_size_than_published_is_noticed(copy):
    directory = copy("onnx")
    np.save(directory / "mask.npy", np.zeros((1, 1, 7, 7), np.float32))
    with pytest.raises(ModelError, match=r"\(1, 7, 7, 1\) is published"):
        reproduction.check(load(directory, computing=FLOAT32), directory)


def test_a_border_may_be_left_out(copy):
    directory = copy("onnx")
    mask = np.load(directory / "mask.npy")
    np.save(directory / "mask.npy", mask[:, :, 4:-4, 4:-4])
    assert "reproduces" in reproduction.check(load(directory, computing=FLOAT32), directory)


def test_logits_are_compared_as_what_model_json_makes_of_them(copy):
    """The package ends with the logits, which alone are no probabilities."""
    directory = copy("onnx")
    path = directory / "rdf.yaml"
    path.write_text(path.read_text().replace("- id: sigmoid", "- {id: scale_linear}"))
    mask = np.load(directory / "mask.npy").astype(np.float64)
    np.save(directory / "mask.npy", np.log(mask / (1 - mask)))
    with pytest.raises(ModelError, match="if they are logits"):
        load(directory, computing=FLOAT32)
    (directory / "model.json").write_text('{"postprocessing": [{"id": "sigmoid"}]}')
    assert "reproduces" in reproduction.check(load(directory, computing=FLOAT32), directory)


def test_without_a_test_there_is_nothing_to_compare(copy):
    directory = copy("onnx")
    segmenter = load(directory, computing=FLOAT32)
    path = directory / "rdf.yaml"
    described = yaml.safe_load(path.read_text())
    for tensor in (*described["inputs"], *described["outputs"]):
        del tensor["test_tensor"]
    path.write_text(yaml.safe_dump(described))
    assert reproduction.check(segmenter, directory) == ""


@pytest.mark.parametrize("content", [None, b"no array"])
def test_a_test_that_is_not_there_cannot_be_compared(copy, content):
    directory = copy("onnx")
    segmenter = load(directory, computing=FLOAT32)
    (directory / "mask.npy").unlink()
    if content:
        (directory / "mask.npy").write_bytes(content)
    with pytest.raises(reproduction.NotCompared, match=r"mask.*leave `check_test` out"):
        reproduction.check(segmenter, directory)


@pytest.mark.parametrize(
    "step", ["{id: binarize, kwargs: {threshold: 0.5}}", "{id: zero_mean_unit_variance}"]
)
def test_another_end_than_published_cannot_be_compared(copy, step):
    directory = with_another_end(copy("onnx"), step)
    segmenter = load(directory, computing=FLOAT32)
    with pytest.raises(ModelError, match=r"cannot be compared.*leave `check_test` out"):
        reproduction.check(segmenter, directory)


def with_another_end(directory, step):
    """The package says that step, and ``model.json`` what the network needs."""
    path = directory / "rdf.yaml"
    path.write_text(path.read_text().replace("- id: sigmoid", f"- {step}"))
    (directory / "model.json").write_text('{"postprocessing": [{"id": "sigmoid"}]}')
    return directory


def test_what_cannot_be_compared_is_packed_and_said(copy, tmp_path):
    directory = with_another_end(copy("onnx"), "{id: zero_mean_unit_variance}")
    output = run(package, directory, "--output", tmp_path / "model.tar.gz").output
    assert "not compared" in output
    assert "leave UNET_CHECK_TEST out" in output
    assert (tmp_path / "model.tar.gz").is_file()


def test_a_zip_is_packed_unpacked_and_prepared(copy, tmp_path):
    directory = copy("saved-model")
    output = run(package, directory, "--output", tmp_path / "model.tar.gz").output
    assert "reproduces its published test" in output
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        names = set(archive.getnames())
        archive.extractall(tmp_path / "model", filter="data")
    assert {"rdf.yaml", "weights/saved_model.pb", "weights/bundle.sha256"} <= names
    assert "weights.zip" not in names
    assert artifacts.find(tmp_path / "model") == tmp_path / "model" / "weights"
    assert (tmp_path / "model/weights/saved_model.graph/graph.xml").is_file()


def test_what_does_not_do_what_it_publishes_is_not_packed(copy, tmp_path):
    directory = copy("onnx-0.4")
    np.save(directory / "mask.npy", 1 - np.load(directory / "mask.npy"))
    output = run(package, directory, "--output", tmp_path / "x", code=1).output
    assert "does not reproduce its published test" in output
    assert not (tmp_path / "x").exists()


def test_a_zip_is_prepared_beside_it(copy):
    directory = copy("saved-model")
    command = [sys.executable, ROOT / "scripts/models/prepare.py", directory]
    subprocess.run(command, check=True, capture_output=True)
    folder = bioimageio.read(directory).artifact()
    assert folder == directory / "weights"
    assert (folder / "saved_model.graph").is_dir()


def test_a_u_net_as_pytorch_exports_it(python, tmp_path, caplog):
    """Channels first, logits: as ONNX Runtime answers it."""
    subprocess.run([python, HERE / "unet_onnx.py", tmp_path], check=True)
    with np.load(tmp_path / "expected.npz") as expected:
        images, logits = expected["x"], expected["p"]
    segmenter = load(tmp_path, computing=FLOAT32)
    assert "taken to give logits, and softmax" in caplog.text
    assert segmenter.network.geometry.stride == 4
    np.testing.assert_allclose(segmenter.network.run(images), softmax(logits), atol=1e-5)
