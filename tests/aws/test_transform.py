"""scripts/aws/transform.py, against an AWS API over HTTP."""

import pytest

from aws import transform
from support.commands import run

WHERE = ("--input", "s3://unet-test/sections/", "--output", "s3://unet-test/masks/")


@pytest.fixture
def images(cloud):
    for name in ("a.png", "b.png"):
        cloud.aws("s3").put_object(Bucket="unet-test", Key=f"sections/{name}", Body=b"image")


def test_a_job(cloud, deploy, images):
    deploy()
    output = run(transform, "--endpoint", "cells", *WHERE, "--instances", "2", "--job", "j").output
    assert "2 images done" in output
    job = cloud.aws("sagemaker").describe_transform_job(TransformJobName="j")
    assert job["ModelName"] == cloud.state()["models"][0]
    assert job["BatchStrategy"] == "SingleRecord"
    assert job["TransformResources"]["InstanceCount"] == 2
    assert job["TransformInput"]["ContentType"] == "image/png"
    assert job["TransformOutput"]["S3OutputPath"] == "s3://unet-test/masks"


def test_a_job_that_fails(cloud, deploy, images):
    deploy(image="registry/broken:1")
    output = run(transform, "--endpoint", "cells", *WHERE, code=1).output
    assert "is Failed: ClientError: 400; see /aws/sagemaker/TransformJobs" in output


def test_refusals(cloud, images):
    assert "either --model or --endpoint" in run(transform, *WHERE, code=2).output
    assert "no endpoint" in run(transform, "--endpoint", "cells", *WHERE, code=1).output
    empty = ("--input", "s3://unet-test/none/", "--output", "s3://unet-test/masks/")
    assert "no object below" in run(transform, "--model", "m", *empty, code=1).output
