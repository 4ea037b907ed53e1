import tarfile

import pytest

import package
import tiny_models
from containers import ROOT

MODEL = ROOT / "models" / "unet-membrane"


def names(artifact):
    with tarfile.open(artifact) as archive:
        return set(archive.getnames())


@pytest.fixture
def code(tmp_path):
    folder = tmp_path / "own"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "__pycache__" / "inference.pyc").touch()
    (folder / "inference.py").write_text("def model_fn(model_dir): ...")
    (folder / "requirements.txt").touch()
    return folder


def test_a_folder(run, tmp_path):
    output = run(package, MODEL, "--output", tmp_path / "new" / "model.tar.gz").output
    assert "unet-membrane.keras: any size, channels 1, classes 1" in output
    assert {"unet-membrane.keras", "model.json"} <= names(tmp_path / "new" / "model.tar.gz")


def test_a_file_with_code(run, tmp_path, code):
    model = tiny_models.save(tiny_models.identity(), tmp_path / "m") / "model.keras"
    artifact = tmp_path / "model.tar.gz"
    run(package, model, "--code", code, "--output", artifact)
    assert names(artifact) == {"model.keras", "code/inference.py", "code/requirements.txt"}


def test_the_same_model_is_the_same_artifact(run, tmp_path, cloud):
    model = tiny_models.save(tiny_models.identity(), tmp_path / "m")
    first = run(package, model, "--output", "s3://unet-test/models/").stdout.strip()
    (model / "model.keras").touch()
    assert run(package, model, "--output", "s3://unet-test/models/").stdout.strip() == first
    (model / "model.json").write_text('{"threshold": 0.3}')
    assert run(package, model, "--output", "s3://unet-test/models/").stdout.strip() != first
    bucket, key = first.removeprefix("s3://").split("/", 1)
    cloud.aws("s3").download_file(bucket, key, str(tmp_path / "back.tar.gz"))
    assert names(tmp_path / "back.tar.gz") == {"model.keras"}


def test_a_model_that_could_not_be_served(run, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.keras").write_bytes(b"nonsense")
    output = run(package, tmp_path / "m", "--output", tmp_path / "x", code=1).output
    assert "the model could not be served: model.keras cannot be loaded" in output
    assert not (tmp_path / "x").exists()


def test_misuse(run, tmp_path, code):
    (tmp_path / "empty").mkdir()
    out = ("--output", tmp_path / "x")
    assert "is empty" in run(package, tmp_path / "empty", *out, code=2).output
    (code / "inference.py").unlink()
    assert "no inference.py" in run(package, MODEL, "--code", code, *out, code=2).output
    assert "s3://bucket/key" in run(package, MODEL, "--output", "s3://X", code=2).output


def test_a_bucket_that_is_not_there(run, cloud):
    output = run(package, MODEL, "--output", "s3://other-bucket/models/", code=1).output
    assert "NoSuchBucket" in output
