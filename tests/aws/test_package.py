"""scripts/aws/package.py with models that are loaded, and with a bucket."""

import re
import tarfile

from aws import package
from support import tiny_models
from support.commands import run
from support.containers import ROOT

MODEL = ROOT / "models" / "unet-membrane"
GRAPH = [f"model.keras.graph/graph.{suffix}" for suffix in ("xml", "bin", "json")]


def names(artifact):
    with tarfile.open(artifact) as archive:
        return set(archive.getnames())


def test_a_folder(tmp_path):
    output = run(package, MODEL, "--output", tmp_path / "new" / "model.tar.gz").output
    assert "unet-membrane.keras: any size, channels 1, classes 1" in output
    assert {"unet-membrane.keras", "model.json"} <= names(tmp_path / "new" / "model.tar.gz")


def test_code_of_ones_own_is_not_tried(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text("def model_fn(model_dir): ...")
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "weights.bin").write_bytes(b"only the code can load this")
    artifact = tmp_path / "model.tar.gz"
    output = run(package, tmp_path / "m", "--code", tmp_path / "code", "--output", artifact).output
    assert "it was not tried" in output
    assert names(artifact) == {"weights.bin", "code/inference.py"}


def test_the_same_model_is_the_same_artifact(tmp_path, cloud):
    model = tiny_models.save(tiny_models.identity(), tmp_path / "m")
    first = run(package, model, "--output", "s3://unet-test/models/").stdout.strip()
    (model / "model.keras").touch()
    assert run(package, model, "--output", "s3://unet-test/models/").stdout.strip() == first
    (model / "model.json").write_text('{"threshold": 0.3}')
    assert run(package, model, "--output", "s3://unet-test/models/").stdout.strip() != first
    bucket, key = first.removeprefix("s3://").split("/", 1)
    cloud.aws("s3").download_file(bucket, key, str(tmp_path / "back.tar.gz"))
    assert names(tmp_path / "back.tar.gz") == {"model.keras", *GRAPH}


def test_files_as_they_are(tmp_path, cloud):
    model = tiny_models.save(tiny_models.identity(), tmp_path / "m")
    command = (package, model, "--uncompressed", "--output", "s3://unet-test/models/")
    prefix = run(*command).stdout.strip()
    assert re.fullmatch(r"s3://unet-test/models/model-[0-9a-f]{16}/", prefix)
    below = prefix.removeprefix("s3://unet-test/")
    listed = cloud.aws("s3").list_objects_v2(Bucket="unet-test", Prefix=below)["Contents"]
    assert {item["Key"].removeprefix(below) for item in listed} == {"model.keras", *GRAPH}
    (model / "model.json").write_text('{"threshold": 0.3}')
    assert run(*command).stdout.strip() != prefix
    output = run(package, model, "--uncompressed", "--output", tmp_path / "x", code=2).output
    assert "--uncompressed uploads files" in output


def test_a_model_is_packed_with_the_graph_that_is_made_of_it(tmp_path):
    model = tiny_models.save(tiny_models.identity(), tmp_path / "m", prepared=False)
    run(package, model, "--output", tmp_path / "model.tar.gz")
    assert names(tmp_path / "model.tar.gz") == {"model.keras", *GRAPH}
    assert not list(model.glob("*.graph"))


def test_a_model_that_could_not_be_served(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.keras").write_bytes(b"nonsense")
    output = run(package, tmp_path / "m", "--output", tmp_path / "x", code=1).output
    assert "the model could not be served: model.keras cannot be loaded" in output
    assert not (tmp_path / "x").exists()


def test_a_setting_that_does_not_fit_is_named_as_its_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("UNET_MODEL_FILENAME", "other.keras")
    model = tiny_models.save(tiny_models.identity(), tmp_path / "m")
    output = run(package, model, "--output", tmp_path / "x", code=1).output
    assert "UNET_MODEL_FILENAME" in output


def test_a_place_that_is_none(tmp_path):
    model = tiny_models.save(tiny_models.identity(), tmp_path / "m")
    assert "s3://bucket/key" in run(package, model, "--output", "s3://X", code=2).output


def test_a_bucket_that_is_not_there(cloud):
    output = run(package, MODEL, "--output", "s3://other-bucket/models/", code=1).output
    assert "NoSuchBucket" in output
