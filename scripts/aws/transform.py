#!/usr/bin/env python3
"""Batch transform: segment all images below a prefix in S3, on one machine or on many."""

import re
import time
from typing import Any

import in_venv as in_venv

import click

from aws.lib import batch, inventory, logs
from aws.lib.batch import Batch
from aws.lib.calls import tag_list
from aws.lib.cli import Aws, StatusLine, command, or_none, s3_location
from aws.lib.errors import with_remedy
from aws.lib.machines import INSTANCE_TYPE
from aws.lib.names import TAG
from segmentation.wire.formats import ANY_PICTURE

POLL_SECONDS = 10
JOB = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
NAMED = 20  # images that are named at most, where many have failed
EXAMPLE = """scripts/aws/transform.py --endpoint cells --input s3://my-bucket/images/sections/ \\
  --output s3://my-bucket/answers/masks/ --instances 4"""


def name_of_job(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not JOB.fullmatch(value):
        raise click.BadParameter(
            f"{value!r} must have letters, digits and hyphens, 63 at most, none at the ends"
        )
    return value


@command(EXAMPLE)
@click.option("--model", help="of SageMaker")
@click.option("--endpoint", help="take the model that this endpoint serves")
@click.option("--input", "source", required=True, metavar="S3_PREFIX", help="of the images")
@click.option("--output", required=True, metavar="S3_PREFIX", help="where the masks go")
@click.option(
    "--content-type",
    default=ANY_PICTURE.media_type,
    show_default=True,
    help="of the images; this one lets the server see what each of them is",
)
@click.option("--accept", help="of the masks; default: in kind")
@click.option("--instance-type", default=INSTANCE_TYPE, show_default=True)
@click.option("--instances", type=click.IntRange(1, 100), default=1, show_default=True)
@click.option(
    "--job", callback=name_of_job, help="name of the job; default: the model's, and the time"
)
def main(region, model, endpoint, source, output, content_type, job, **options):
    """Run a batch-transform job; each image below the folder --input is sent whole.

    What has no suffix of an image is left out. SageMaker shares the images out among the
    instances. The mask of KEY is KEY.out below --output.
    """
    if bool(model) == bool(endpoint):
        raise click.UsageError("give either --model or --endpoint")
    s3_location(output)
    batch.suffixes_of(content_type)
    aws = Aws(region)
    model = model or model_of(aws, endpoint)
    check_archive(aws, model)
    job = job or f"{model[:52]}-{int(time.time())}"  # 63 characters, the endpoint's name in them
    images = batch.collect(aws, job, source, output, content_type)
    if images.other:
        click.echo(f"{images.other} other objects below {images.source} are left out", err=True)
    tags = tag_list({TAG: endpoint} if endpoint else {})
    transform(aws, images, images.request(model, content_type, tags=tags, **options))
    click.echo(f"{len(images.images)} images done; the mask of KEY is {images.output}/KEY.out")


def model_of(aws: Aws, endpoint: str) -> str:
    """The name of the model that an endpoint serves."""
    existing = inventory.take(aws, endpoint)
    if not existing.config:
        raise click.ClickException(f"there is no endpoint {endpoint}; give --model")
    if existing.component:
        return existing.component["Specification"]["ModelName"]
    return inventory.models_of(aws, existing.config)[0]


def check_archive(aws: Aws, model: str) -> None:
    """Refuse a model that SageMaker's batch transform does not take.

    Raises:
        click.ClickException: its files lie in S3 as they are.
    """
    found = or_none(aws("sagemaker").describe_model, ModelName=model) or {}
    if "ModelDataSource" in found.get("PrimaryContainer", {}):
        raise click.ClickException(
            f"the files of {model} lie in S3 as they are, and batch transform takes an archive: "
            "deploy one of scripts/aws/package.py without --uncompressed"
        )


def transform(aws: Aws, images: Batch, request: dict[str, Any]) -> None:
    """Run a job to its end.

    Raises:
        click.ClickException: it did not mask every image, or was stopped.
    """
    bucket, key, content = images.manifest
    aws("s3").put_object(Bucket=bucket, Key=key, Body=content)
    running = False  # the manifest is needed as long as the job is
    try:
        aws("sagemaker").create_transform_job(**request)
        running = True
        description = wait(aws, images)
        running = description["TransformJobStatus"] == "InProgress"
    finally:
        if not running:
            aws("s3").delete_object(Bucket=bucket, Key=key)
    if running:
        raise click.ClickException(f"{images.job} goes on; its images are listed in {key}")
    report(aws, images, description)


def wait(aws: Aws, images: Batch) -> dict[str, Any]:
    """Wait for a job, with the number of masks that are there; Ctrl-C asks whether to stop it.

    Returns:
        The job as it is described at its end; still in progress where it is to go on alone.
    """
    line = StatusLine(images.job)
    while True:
        try:
            description = describe(aws, images)
            left = len(images.unmasked(aws, description["CreationTime"]))
            total = len(images.images)
            status = description["TransformJobStatus"]
            line.show(f"{status}, {total - left} of {total} masks")
            if status not in {"InProgress", "Stopping"}:
                line.end()
                return description
            time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            line.end()
            if not click.confirm(f"Stop the job {images.job}? Else it goes on", err=True):
                return describe(aws, images)
            aws("sagemaker").stop_transform_job(TransformJobName=images.job)


def describe(aws: Aws, images: Batch) -> dict[str, Any]:
    return aws("sagemaker").describe_transform_job(TransformJobName=images.job)


def report(aws: Aws, images: Batch, description: dict[str, Any]) -> None:
    """Name the images that have no mask, and show the job's own last log lines.

    Raises:
        click.ClickException: there is such an image, or the job was not completed.
    """
    status = description["TransformJobStatus"]
    left = images.unmasked(aws, description["CreationTime"])
    if status == "Completed" and not left:
        return
    for name in left[:NAMED]:
        click.echo(f"no mask: {images.source}{name}", err=True)
    if len(left) > NAMED:
        click.echo(f"no mask: {len(left) - NAMED} more", err=True)
    if status != "Stopped":
        for stream in logs.streams(aws, logs.TRANSFORM_JOBS, f"{images.job}/")[:1]:
            for text in logs.last_lines(aws, logs.TRANSFORM_JOBS, stream):
                click.echo(f"  {text}", err=True)
    reason = description.get("FailureReason") or "SageMaker gives no reason"
    what = (
        f"{images.job} is {status}: {reason}" if status == "Failed" else f"{images.job} is {status}"
    )
    raise click.ClickException(
        f"{with_remedy(what)}; {len(left)} of {len(images.images)} images have no mask; see "
        f"{logs.TRANSFORM_JOBS}"
    )


if __name__ == "__main__":
    main()
