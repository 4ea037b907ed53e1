"""Which files package.py packs, and into what bytes; no model is loaded."""

import hashlib
import tarfile

import click
import pytest

from aws.package import collect, functions_of, pack, store


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.keras").write_bytes(b"a model")
    (folder / "model.json").write_text("{}")
    return folder


@pytest.fixture
def code(tmp_path):
    folder = tmp_path / "own"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "__pycache__" / "inference.pyc").touch()
    (folder / "inference.py").write_text("def model_fn(model_dir): ...")
    (folder / "requirements.txt").touch()
    return folder


def test_a_folder_is_the_root_of_the_artifact(model):
    assert set(collect(model, None)) == {"model.keras", "model.json"}


def test_a_file_with_code_beside_it(model, code):
    files = collect(model / "model.keras", code)
    assert set(files) == {"model.keras", "code/inference.py", "code/requirements.txt"}


def test_code_twice(model, code):
    (model / "code").mkdir()
    (model / "code" / "inference.py").touch()
    with pytest.raises(click.UsageError, match="has a folder code already"):
        collect(model, code)


def test_code_without_a_script(model, code):
    (code / "inference.py").unlink()
    with pytest.raises(click.UsageError, match=r"has no inference\.py"):
        collect(model, code)


def test_an_empty_folder(tmp_path):
    with pytest.raises(click.UsageError, match="is empty"):
        collect(tmp_path, None)


def test_the_same_files_are_the_same_bytes(model, tmp_path):
    archives = [tmp_path / "one.tar.gz", tmp_path / "two.tar.gz"]
    pack(collect(model, None), archives[0])
    (model / "model.keras").touch()
    pack(collect(model, None), archives[1])
    assert archives[0].read_bytes() == archives[1].read_bytes()
    with tarfile.open(archives[0]) as archive:
        assert archive.getnames() == ["model.json", "model.keras"]
        assert archive.extractfile("model.keras").read() == b"a model"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def model_fn(model_dir): ...", {"model_fn"}),
        ("from mine import predict as predict_fn", {"predict_fn"}),
        ("transform_fn = print", {"transform_fn"}),
        ("from mine import *", {"*"}),
        ("def predict_fn(data, model):\n    model_fn = 1", {"predict_fn"}),
    ],
)
def test_what_the_code_defines(model, code, source, names):
    (code / "inference.py").write_text(source)
    assert functions_of(collect(model, code)) == names


def test_code_that_is_no_python(model, code):
    (code / "other.py").write_text("def broken(:")
    with pytest.raises(click.ClickException, match=r"other\.py is no Python: invalid syntax"):
        functions_of(collect(model, code))


def test_a_folder_gets_an_archive_that_is_named_by_its_content(tmp_path):
    artifact = tmp_path / "model.tar.gz"
    artifact.write_bytes(b"archive")
    digest = hashlib.sha256(b"archive").hexdigest()[:16]
    for output in (f"{tmp_path}/new/", str(tmp_path)):
        stored = store(None, artifact, output)
        assert stored == f"{output.rstrip('/')}/model-{digest}.tar.gz"
    with pytest.raises(click.ClickException, match="cannot be written"):
        store(None, artifact, "/proc/model.tar.gz")
