#!/usr/bin/env python3
"""Batch transform: segment all images below a prefix in S3, on one machine or on many."""

import time
from typing import Any

import click

from aws.lib import inventory
from aws.lib.cli import Aws, StatusLine, command, last_log_lines, pages, s3_location

POLL_SECONDS = 10
LOG_GROUP = "/aws/sagemaker/TransformJobs"
EXAMPLE = """scripts/aws/transform.py --endpoint cells --input s3://my-bucket/sections/ \\
  --output s3://my-bucket/masks/ --instances 4"""


@command(EXAMPLE)
@click.option("--model", help="of SageMaker")
@click.option("--endpoint", help="take the model that this endpoint serves")
@click.option("--input", "source", required=True, metavar="S3_PREFIX", help="of the images")
@click.option("--output", required=True, metavar="S3_PREFIX", help="where the masks go")
@click.option("--content-type", default="image/png", show_default=True, help="of the images")
@click.option("--accept", help="of the masks; default: in kind")
@click.option("--instance-type", default="ml.c5.xlarge", show_default=True)
@click.option("--instances", type=click.IntRange(1, 100), default=1, show_default=True)
@click.option("--job", help="name of the job; default: the model's, and the time")
def main(region, model, endpoint, source, output, job, **options):
    """Run a batch-transform job; each object below --input is an image, whole.

    Images are shared out among the instances by SageMaker. The mask of KEY is KEY.out below
    --output.
    """
    if bool(model) == bool(endpoint):
        raise click.UsageError("give either --model or --endpoint")
    aws = Aws(region)
    model = model or model_of(aws, endpoint)
    s3_location(output)
    images = objects(aws, source)
    if not images:
        raise click.ClickException(f"there is no object below {source}; upload the images first")
    job = job or f"{model[:40]}-{int(time.time())}"
    aws("sagemaker").create_transform_job(**request(job, model, source, output, **options))
    wait(aws, job, output, len(images))
    click.echo(f"{len(images)} images done; the mask of KEY is {output.rstrip('/')}/KEY.out")


def model_of(aws: Aws, endpoint: str) -> str:
    """The name of the model that an endpoint serves."""
    config = inventory.take(aws, endpoint).config
    if not config:
        raise click.ClickException(f"there is no endpoint {endpoint}; give --model")
    return inventory.models_of(aws, config)[0]


def objects(aws: Aws, place: str) -> list[str]:
    """The keys of the objects at a place in S3 or below it."""
    bucket, prefix = s3_location(place)
    listing = pages(aws("s3"), "list_objects_v2", "Contents", Bucket=bucket, Prefix=prefix)
    return [item["Key"] for item in listing]


def request(
    job: str,
    model: str,
    source: str,
    output: str,
    *,
    content_type: str,
    accept: str | None,
    instance_type: str,
    instances: int,
) -> dict[str, Any]:
    """The parameters of CreateTransformJob.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html
    """
    transform_output = {"S3OutputPath": output.rstrip("/")}
    if accept:
        transform_output["Accept"] = accept
    return {
        "TransformJobName": job,
        "ModelName": model,
        "BatchStrategy": "SingleRecord",
        "MaxPayloadInMB": 100,
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": 3600, "InvocationsMaxRetries": 1},
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}},
            "ContentType": content_type,
            "SplitType": "None",
            "CompressionType": "None",
        },
        "TransformOutput": transform_output,
        "TransformResources": {"InstanceType": instance_type, "InstanceCount": instances},
    }


def wait(aws: Aws, job: str, output: str, total: int) -> None:
    """Wait for a job, with the number of masks that are there already.

    Raises:
        click.ClickException: the job failed.
    """
    line = StatusLine(job)
    while True:
        description = aws("sagemaker").describe_transform_job(TransformJobName=job)
        status = description["TransformJobStatus"]
        masks = sum(key.endswith(".out") for key in objects(aws, output))
        line.show(f"{status}, {min(masks, total)} of {total} masks")
        if status not in {"InProgress", "Stopping"}:
            break
        time.sleep(POLL_SECONDS)
    line.end()
    if status != "Completed":
        for text in last_log_lines(aws, LOG_GROUP):
            click.echo(f"  {text}", err=True)
        reason = description.get("FailureReason", "SageMaker gives no reason")
        raise click.ClickException(f"{job} is {status}: {reason}; see {LOG_GROUP}")


if __name__ == "__main__":
    main()
