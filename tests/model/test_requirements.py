"""``code/requirements.txt`` in multi-model mode, by pip itself, without a network."""

import importlib.metadata
import logging
import subprocess
import sys
import tempfile

import pytest

from segmentation import testing
from segmentation.errors import ModelError
from segmentation.wire.media_types import JSON
from serving import requirements
from support.wheels import write_wheel

THRESHOLD = {"X_Amzn_SageMaker_Custom_Attributes": "threshold=0.4"}
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """
import sys
sys.path.append({support!r})
from support.wheels import write_wheel

def build_wheel(directory, config_settings=None, metadata_directory=None):
    from pathlib import Path
    return write_wheel(Path(directory), "local", "VALUE = 7").name
"""


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("PIP_PREFIX", str(tmp_path / "elsewhere"))  # as the server sets it
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")


@pytest.fixture
def model(tmp_path):
    (tmp_path / "model" / "code").mkdir(parents=True)

    def write(text):
        (tmp_path / "model" / "code" / "requirements.txt").write_text(text)
        return str(tmp_path / "model")

    return write


def code_of(model_dir):
    return requirements.Path(model_dir, "code")


def test_a_model_without_requirements(tmp_path):
    assert requirements.install(str(tmp_path)) is None
    assert not list((tmp_path / "tmp").iterdir())


def test_a_local_package_is_built_and_installed(model, tmp_path):
    model_dir = model("./pkg\n")
    package = code_of(model_dir) / "pkg"
    package.mkdir()
    (package / "pyproject.toml").write_text(PYPROJECT)
    tests = str(requirements.Path(__file__).parents[1])
    (package / "backend.py").write_text(BACKEND.format(support=tests))
    folder = requirements.install(model_dir)
    assert (folder / "local.py").read_text() == "VALUE = 7"
    assert folder.is_relative_to(tmp_path / "tmp")
    assert not (tmp_path / "elsewhere").exists()


def test_what_the_server_has_is_not_installed_again(model):
    model_dir = model("numpy\n./one-1-py3-none-any.whl\n")
    write_wheel(code_of(model_dir), "one")
    names = {path.name for path in requirements.install(model_dir).iterdir()}
    assert names - {"__pycache__"} == {"one.py", "one-1.dist-info"}


def test_pip_says_why_it_fails(model, caplog):
    with pytest.raises(ModelError) as caught:
        requirements.install(model("no-such-package-anywhere\n"))
    assert str(caught.value).startswith(
        "code/requirements.txt cannot be installed: ERROR: No matching distribution found for "
        "no-such-package-anywhere; pip needs a network"
    )
    assert "Could not find a version" in caplog.text


def test_what_the_server_needs_stays(model):
    before = importlib.metadata.version("numpy")
    with pytest.raises(ModelError) as caught:
        requirements.install(model("numpy<2\n"))
    assert str(caught.value) == (
        "code/requirements.txt cannot be installed beside what the server itself needs: The user "
        f"requested numpy<2, the server has numpy=={before}; allow the versions that the server "
        "has, or leave these packages out"
    )
    assert importlib.metadata.version("numpy") == before


def test_a_time_limit(model):
    with pytest.raises(ModelError, match="not installed within 0 s"):
        requirements.install(model("numpy\n"), seconds=0.05)


def test_what_is_loaded_already_is_a_warning(model, caplog, monkeypatch):
    model_dir = model("./loaded-1-py3-none-any.whl\n")
    write_wheel(code_of(model_dir), "loaded")
    monkeypatch.setitem(sys.modules, "loaded", sys)
    caplog.set_level(logging.WARNING)
    requirements.install(model_dir)
    assert "brings loaded, which the server itself has loaded" in caplog.text


CHILD = """
import multiprocessing, os, signal, sys, tempfile
from serving import requirements

def work(how):
    requirements.install(sys.argv[1])
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit(0)

child = multiprocessing.get_context("fork").Process(target=work, args=(sys.argv[2],))
child.start()
child.join()
"""


@pytest.mark.parametrize(("how", "left"), [("ended", 0), ("killed", 1)])
def test_the_packages_go_with_their_process(model, tmp_path, monkeypatch, how, left):
    model_dir = model("numpy\n")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    inference = requirements.Path(requirements.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", str(inference))
    subprocess.run([sys.executable, "-c", CHILD, model_dir, how], check=True)
    before = list((tmp_path / "tmp").glob("requirements-*/"))
    assert len(before) == left
    requirements.install(model_dir)  # the next one clears up
    after = list((tmp_path / "tmp").glob("requirements-*/"))
    assert len(after) == 1
    assert not set(before) & set(after)


def test_codeartifact_is_asked_and_its_password_is_not_logged(model, monkeypatch, caplog):
    index = "http://aws:secret@127.0.0.1:9/simple/"  # where nothing listens
    monkeypatch.setenv("CA_REPOSITORY_ARN", "arn:aws:codeartifact:…")
    monkeypatch.setattr(requirements.upstream, "codeartifact_index", lambda: index)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(ModelError, match="cannot be installed"):
        requirements.install(model("no-such-package-anywhere\n"))
    assert "@127.0.0.1:9/simple/" in caplog.text
    assert "secret" not in caplog.text


def test_a_worker_has_them_and_its_model_is_not_loaded_without(model, tmp_path, monkeypatch):
    monkeypatch.setenv("SAGEMAKER_MULTI_MODEL", "true")
    monkeypatch.setattr(sys, "path", sys.path.copy())
    model_dir = model("./gain-1-py3-none-any.whl\n")
    write_wheel(code_of(model_dir), "gain", "GAIN = 2")
    (code_of(model_dir) / "inference.py").write_text(
        "import gain\ndef model_fn(model_dir):\n    return lambda images: images / gain.GAIN\n"
    )
    with testing.Client(model_dir) as client:
        assert client.post(b"[[0, 255]]", JSON, JSON).array().tolist() == [[0, 0]]
        assert client.post(b"[[0, 255]]", JSON, JSON, **THRESHOLD).array().tolist() == [[0, 255]]
    sys.modules.pop("gain")
    model("no-such-package-anywhere")
    with pytest.raises(ModelError, match="No matching distribution"):
        testing.Client(model_dir)
