"""scripts/aws/models.py: names and versions of the models of a multi-model endpoint."""

import gzip
import io
import tarfile

import pytest

from aws import models
from support.commands import run

PREFIX = "s3://unet-test/many/"
WHERE = ("--models", PREFIX)


@pytest.fixture
def archive(tmp_path):
    """Makes an archive with a file of this content."""

    def make(content):
        path = tmp_path / f"{content}.tar.gz"
        with (
            open(path, "wb") as raw,
            gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w") as file,
        ):
            entry = tarfile.TarInfo("model.onnx")
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content.encode()))
        return path

    return make


def keys(cloud):
    listed = cloud.aws("s3").list_objects_v2(Bucket="unet-test", Prefix="many/")
    return [item["Key"].removeprefix("many/") for item in listed.get("Contents", [])]


def test_a_replacement_is_another_key(cloud, archive):
    assert run(models, "add", "cells", archive("a"), *WHERE).stdout == "cells-1.tar.gz\n"
    assert run(models, "replace", "cells", archive("b"), *WHERE).stdout == "cells-2.tar.gz\n"
    assert keys(cloud) == ["cells-1.tar.gz", "cells-2.tar.gz"]
    assert run(models, "newest", "cells", *WHERE).stdout == "cells-2.tar.gz\n"
    again = run(models, "replace", "cells", archive("b"), *WHERE)
    assert again.stdout == "cells-2.tar.gz\n"
    assert "has the same bytes: nothing is replaced" in again.output
    assert keys(cloud) == ["cells-1.tar.gz", "cells-2.tar.gz"]


def test_versions_are_counted_as_numbers(cloud, archive):
    for number in (9, 10):
        cloud.put(f"many/cells-{number}.tar.gz", b"x")
    cloud.put("many/cells-2-99.tar.gz", b"another name")
    cloud.put("many/notes.txt", b"no model")
    assert run(models, "replace", "cells", archive("a"), *WHERE).stdout == "cells-11.tar.gz\n"
    listed = run(models, "list", *WHERE).output.split("\n")
    names = [line.split()[0] for line in listed if line]
    assert names == [
        "cells-9.tar.gz", "cells-10.tar.gz", "cells-11.tar.gz", "cells-2-99.tar.gz", "notes.txt",
    ]  # fmt: skip


def test_from_another_place_in_s3(cloud, archive):
    cloud.put("models/model-1234.tar.gz", archive("a").read_bytes())
    source = "s3://unet-test/models/model-1234.tar.gz"
    assert run(models, "add", "cells", source, *WHERE).stdout == "cells-1.tar.gz\n"
    assert keys(cloud) == ["cells-1.tar.gz"]


def test_removing(cloud, archive):
    run(models, "add", "cells", archive("a"), *WHERE)
    run(models, "replace", "cells", archive("b"), *WHERE)
    run(models, "add", "membranes", archive("c"), *WHERE)
    assert "cells-1.tar.gz" in run(models, "remove", "cells", *WHERE, stdin="n\n", code=1).output
    assert len(keys(cloud)) == 3
    output = run(models, "remove", "cells", "--older", "--yes", *WHERE).output
    assert "goes on answering" in output
    assert keys(cloud) == ["cells-2.tar.gz", "membranes-1.tar.gz"]
    assert (
        "no older version of cells"
        in run(models, "remove", "cells", "--older", *WHERE, code=1).output
    )
    run(models, "remove", "cells", "--yes", *WHERE)
    assert keys(cloud) == ["cells-2.removed", "membranes-1.tar.gz"]
    assert run(models, "add", "cells", archive("d"), *WHERE).stdout == "cells-3.tar.gz\n"


def test_those_of_an_endpoint(cloud, deploy, archive):
    deploy("--multi-model", name="many", model=PREFIX)
    where = ("--endpoint", "many")
    assert run(models, "add", "cells", archive("a"), *where).stdout == "cells-1.tar.gz\n"
    assert keys(cloud) == ["cells-1.tar.gz"]
    deploy(name="one")
    assert "one has one model" in run(models, "list", "--endpoint", "one", code=1).output
    assert "no endpoint none" in run(models, "list", "--endpoint", "none", code=1).output


def test_misuse(cloud, archive, tmp_path):
    assert "either --endpoint or --models" in run(models, "list", code=2).output
    assert "there is no model below" in run(models, "list", *WHERE).output
    assert "`add` adds it" in run(models, "replace", "a", archive("a"), *WHERE, code=1).output
    run(models, "add", "a", archive("a"), *WHERE)
    assert "`replace` adds a newer" in run(models, "add", "a", archive("b"), *WHERE, code=1).output
    (tmp_path / "x.tar.gz").write_bytes(b"nonsense")
    assert (
        "no .tar.gz of a model"
        in run(models, "add", "b", tmp_path / "x.tar.gz", *WHERE, code=1).output
    )
    assert "must have letters" in run(models, "add", "a/b", archive("a"), *WHERE, code=2).output
    prefix = "s3://unet-test/models/files/"
    assert (
        "scripts/aws/package.py makes one" in run(models, "add", "b", prefix, *WHERE, code=1).output
    )
    assert keys(cloud) == ["a-1.tar.gz"]
