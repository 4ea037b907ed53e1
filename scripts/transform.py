#!/usr/bin/env python3
"""Segment all images below a prefix in S3, on as many machines as are given: batch transform."""

import time

import click

import inventory
from aws_cli import Aws, StatusLine, command, last_log_lines, pages, s3_location

POLL_SECONDS = 10
LOG_GROUP = "/aws/sagemaker/TransformJobs"
EXAMPLE = """scripts/transform.py --endpoint cells --input s3://my-bucket/sections/ \\
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
def main(region, model, endpoint, source, output, job, instance_type, instances, **types):
    """Run a batch-transform job; each object below --input is an image, whole.

    Images are shared out among the instances by SageMaker. The mask of KEY is KEY.out below
    --output.
    """
    if bool(model) == bool(endpoint):
        raise click.UsageError("give either --model or --endpoint")
    aws = Aws(region)
    model = model or model_of(aws, endpoint)
    bucket, prefix = s3_location(source)
    s3_location(output)
    images = pages(aws("s3"), "list_objects_v2", "Contents", Bucket=bucket, Prefix=prefix)
    if not images:
        raise click.ClickException(f"there is no object below {source}; upload the images first")
    job = job or f"{model[:40]}-{int(time.time())}"
    transform_output = {"S3OutputPath": output.rstrip("/")}
    if types["accept"]:
        transform_output["Accept"] = types["accept"]
    aws("sagemaker").create_transform_job(
        TransformJobName=job,
        ModelName=model,
        BatchStrategy="SingleRecord",
        MaxPayloadInMB=100,
        ModelClientConfig={"InvocationsTimeoutInSeconds": 3600, "InvocationsMaxRetries": 1},
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}},
            "ContentType": types["content_type"],
            "SplitType": "None",
            "CompressionType": "None",
        },
        TransformOutput=transform_output,
        TransformResources={"InstanceType": instance_type, "InstanceCount": instances},
    )
    wait(aws, job, output, len(images))
    click.echo(f"{len(images)} images done; the mask of KEY is {output.rstrip('/')}/KEY.out")


def model_of(aws: Aws, endpoint: str) -> str:
    found = inventory.take(aws, endpoint)
    if not found.config:
        raise click.ClickException(f"there is no endpoint {endpoint}; give --model")
    return inventory.models_of(aws, found.config)[0]


def wait(aws: Aws, job: str, output: str, total: int) -> None:
    """Wait for a job, with the number of masks that are there already.

    Raises:
        click.ClickException: the job failed.
    """
    bucket, prefix = s3_location(output)
    line = StatusLine(job)
    while True:
        found = aws("sagemaker").describe_transform_job(TransformJobName=job)
        keys = pages(aws("s3"), "list_objects_v2", "Contents", Bucket=bucket, Prefix=prefix)
        masks = sum(key["Key"].endswith(".out") for key in keys)
        status = found["TransformJobStatus"]
        line.show(f"{status}, {min(masks, total)} of {total} masks")
        if status not in {"InProgress", "Stopping"}:
            break
        time.sleep(POLL_SECONDS)
    line.end()
    if status != "Completed":
        for text in last_log_lines(aws, LOG_GROUP):
            click.echo(f"  {text}", err=True)
        reason = found.get("FailureReason", "SageMaker gives no reason")
        raise click.ClickException(f"{job} is {status}: {reason}; see {LOG_GROUP}")


if __name__ == "__main__":
    main()
