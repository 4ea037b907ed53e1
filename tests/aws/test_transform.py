import pytest

import transform


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(transform, "POLL_SECONDS", 0.01)


@pytest.fixture
def finish(cloud, monkeypatch):
    """Moto's jobs are all completed: this ends them otherwise."""

    def finish(status, **found):
        client = cloud.aws("sagemaker")
        describe = client.describe_transform_job

        def describe_ended(**arguments):
            return describe(**arguments) | {"TransformJobStatus": status} | found

        class Ended(transform.Aws):
            def __call__(self, service):
                client = super().__call__(service)
                if service == "sagemaker":
                    client.describe_transform_job = describe_ended
                return client

        monkeypatch.setattr(transform, "Aws", Ended)

    return finish


@pytest.fixture
def images(cloud):
    for name in ("a.png", "b.png"):
        cloud.aws("s3").put_object(Bucket="unet-test", Key=f"sections/{name}", Body=b"image")


WHERE = ("--input", "s3://unet-test/sections/", "--output", "s3://unet-test/masks/")


def test_a_job(cloud, deploy, run, images):
    deploy()
    output = run(transform, "--endpoint", "cells", *WHERE, "--instances", "2", "--job", "j").output
    assert "2 images done" in output
    job = cloud.aws("sagemaker").describe_transform_job(TransformJobName="j")
    assert job["ModelName"] == cloud.state()["models"][0]
    assert job["BatchStrategy"] == "SingleRecord"
    assert job["TransformResources"]["InstanceCount"] == 2
    assert job["TransformInput"]["ContentType"] == "image/png"
    assert job["TransformOutput"]["S3OutputPath"] == "s3://unet-test/masks"


def test_a_job_that_fails(cloud, deploy, run, finish, images):
    deploy()
    finish("Failed", FailureReason="ClientError: 400")
    output = run(transform, "--endpoint", "cells", *WHERE, code=1).output
    assert "is Failed: ClientError: 400; see /aws/sagemaker/TransformJobs" in output


def test_refusals(cloud, run, images):
    assert "either --model or --endpoint" in run(transform, *WHERE, code=2).output
    assert "no endpoint" in run(transform, "--endpoint", "cells", *WHERE, code=1).output
    empty = ("--input", "s3://unet-test/none/", "--output", "s3://unet-test/masks/")
    assert "no object below" in run(transform, "--model", "m", *empty, code=1).output
