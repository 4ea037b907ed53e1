"""scripts/aws/transform.py, against an AWS API over HTTP."""

import json

import pytest

from aws import transform
from support.commands import run

WHERE = ("--input", "s3://unet-test/images/cells", "--output", "s3://unet-test/answers/masks/")


@pytest.fixture
def images(cloud):
    """Two images, and what is not to be sent: another file, a folder, a similar prefix."""
    for name in ("cells/a.png", "cells/deep/b.TIF", "cells/notes.txt", "cells/", "cells-2/c.png"):
        cloud.put(f"images/{name}", b"image")


@pytest.fixture
def asked(cloud, monkeypatch):
    """What is sent to create a job, and the manifest that was there then."""
    sent = {}
    monkeypatch.setattr(transform, "POLL_SECONDS", 0.01)
    through = transform.transform

    def look(aws, images, request):
        sent["manifest"] = json.loads(images.manifest[2])
        sent["request"] = request
        through(aws, images, request)

    monkeypatch.setattr(transform, "transform", look)
    return sent


def keys(cloud, prefix):
    listed = cloud.aws("s3").list_objects_v2(Bucket="unet-test", Prefix=prefix)
    return {item["Key"] for item in listed.get("Contents", [])}


def test_a_job_takes_exactly_the_images_of_its_folder(cloud, deploy, images, asked):
    deploy()
    output = run(transform, "--endpoint", "cells", *WHERE, "--instances", "2", "--job", "j").output
    assert "2 images done" in output
    assert "1 other objects below s3://unet-test/images/cells/ are left out" in output
    assert asked["manifest"] == [{"prefix": "s3://unet-test/images/cells/"}, "a.png", "deep/b.TIF"]
    assert keys(cloud, "answers/") == {"answers/masks/a.png.out", "answers/masks/deep/b.TIF.out"}
    assert not any(key.endswith(".manifest") for key in keys(cloud, "images/"))
    job = cloud.aws("sagemaker").describe_transform_job(TransformJobName="j")
    assert job["ModelName"] == cloud.state()["models"][0]
    assert job["BatchStrategy"] == "SingleRecord"
    assert job["TransformResources"]["InstanceCount"] == 2
    assert job["TransformInput"]["ContentType"] == "application/x-image"
    assert job["MaxPayloadInMB"] * job["MaxConcurrentTransforms"] <= 100


def test_other_formats_by_their_type(cloud, deploy, images, asked):
    deploy()
    cloud.put("images/cells/d.npy", b"array")
    run(transform, "--endpoint", "cells", *WHERE, "--content-type", "application/x-npy")
    assert asked["manifest"][1:] == ["d.npy"]
    assert asked["request"]["TransformInput"]["ContentType"] == "application/x-npy"


def test_images_that_fail_are_named_with_the_log_of_the_job(cloud, deploy, images, asked):
    deploy()
    cloud.put("images/cells/broken.png", b"nonsense")
    job = ("--endpoint", "cells", *WHERE, "--job", "j")
    output = run(transform, *job, code=1).output
    assert "no mask: s3://unet-test/images/cells/broken.png" in output
    assert "a.png" not in output
    assert "broken.png: this is no image" in output
    assert "j is Failed: ClientError: 400" in output
    assert "1 of 3 images have no mask; see /aws/sagemaker/TransformJobs" in output


def test_a_mask_of_an_earlier_job_is_none_of_this_one(cloud, deploy, images):
    deploy()
    run(transform, "--endpoint", "cells", *WHERE, "--job", "j")
    done = cloud.aws("sagemaker").describe_transform_job(TransformJobName="j")
    found = transform.batch.collect(cloud.aws, "k", *WHERE[1::2], "application/x-image")
    assert found.unmasked(cloud.aws, done["CreationTime"]) == []
    later = done["CreationTime"].replace(year=done["CreationTime"].year + 1)
    assert found.unmasked(cloud.aws, later) == ["a.png", "deep/b.TIF"]


@pytest.mark.parametrize(("answer", "status"), [("y", "Stopped"), ("n", "InProgress")])
def test_ctrl_c_asks_whether_to_stop_the_job(cloud, deploy, images, monkeypatch, answer, status):
    deploy()

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(transform.time, "sleep", interrupt)
    job = ("--endpoint", "cells", *WHERE, "--job", "slow")
    output = run(transform, *job, stdin=f"{answer}\n", code=1).output
    assert "Stop the job slow?" in output
    job = cloud.aws("sagemaker").describe_transform_job(TransformJobName="slow")
    assert job["TransformJobStatus"] == status
    assert ("slow is Stopped" in output) == (status == "Stopped")
    manifest_is_kept = "images/cells/slow.manifest" in keys(cloud, "images/")
    assert manifest_is_kept == (status == "InProgress")


def test_a_job_that_is_refused_leaves_no_manifest(cloud, deploy, images):
    deploy()
    job = ("--model", "no-such-model", *WHERE, "--job", "j")
    run(transform, *job, code=1)
    assert "images/cells/j.manifest" not in keys(cloud, "images/")


def test_files_that_lie_as_they_are_are_none_for_it(cloud, deploy, images):
    cloud.put("models/cells/model.onnx", b"a model")
    deploy(model="s3://unet-test/models/cells/")
    output = run(transform, "--endpoint", "cells", *WHERE, code=1).output
    assert "batch transform takes an archive" in output
    assert not any(key.endswith(".manifest") for key in keys(cloud, "images/"))


def test_refusals(cloud, images):
    assert "either --model or --endpoint" in run(transform, *WHERE, code=2).output
    assert "no endpoint" in run(transform, "--endpoint", "cells", *WHERE, code=1).output
    empty = ("--input", "s3://unet-test/none/", "--output", "s3://unet-test/masks/")
    assert "no image below" in run(transform, "--model", "m", *empty, code=1).output
    assert (
        "'a b' must have" in run(transform, "--model", "m", *WHERE, "--job", "a b", code=2).output
    )
    wrong = ("--content-type", "image/bmp")
    assert "known are" in run(transform, "--model", "m", *WHERE, *wrong, code=2).output
