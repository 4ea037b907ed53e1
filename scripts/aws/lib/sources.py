"""What a deployment is made of: whether it fits together, and which bytes it means just now.

Everything here only reads. A tag may move and a key may be overwritten: the digest of the image and
the version of the artifact go into the names, so that other bytes are another version.
"""

import dataclasses
import hashlib
import json
import re
from typing import Any

import click
from botocore.exceptions import ClientError

from aws.lib.cli import Aws, pages, s3_location
from aws.lib.deployment import Deployment, is_uncompressed
from aws.lib.errors import explain

ROLE = re.compile(r"arn:aws[a-z-]*:iam::(?P<account>\d{12}):role/.+")
IMAGE = re.compile(
    r"(?P<registry>(?P<account>\d{12})\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com"
    r"(\.cn)?)/(?P<repository>[^@:]+)(:(?P<tag>[^@]+))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)


def resolve(aws: Aws, deployment: Deployment) -> Deployment:
    """The same deployment, with its image by digest and the version of its artifact.

    Raises:
        click.ClickException: its parts are in different regions or accounts, or not there.
    """
    account = aws("sts").get_caller_identity()["Account"]
    check_role(deployment.role, account)
    image = resolve_image(aws, deployment.image, account)
    places = (deployment.model_data, deployment.async_output, deployment.data_capture)
    for bucket in dict.fromkeys(s3_location(place)[0] for place in places if place):
        check_bucket(aws, bucket, account)
    artifact = artifact_version(aws, deployment)
    return dataclasses.replace(deployment, image=image, artifact=artifact)


def check_role(role: str, account: str) -> None:
    match = ROLE.fullmatch(role)
    if match and match["account"] != account:
        raise click.ClickException(
            f"--role is of account {match['account']}, and these credentials are of {account}; "
            "SageMaker takes roles of its own account only: give one, or set AWS_PROFILE"
        )


def resolve_image(aws: Aws, image: str, account: str) -> str:
    """The image by its digest.

    Raises:
        click.ClickException: it is in another region, or not there.
    """
    match = IMAGE.fullmatch(image)
    if not match:
        click.echo(
            f"warning: {image} is not in ECR, and SageMaker pulls from nowhere else: "
            "scripts/aws/build_and_push.sh pushes it there",
            err=True,
        )
        return image
    if match["region"] != aws.region:
        raise click.ClickException(
            f"the image is in {match['region']}, and this deploys to {aws.region}; SageMaker pulls "
            f"in its own region only: scripts/aws/build_and_push.sh … --region {aws.region}"
        )
    if match["account"] != account:
        click.echo(
            f"warning: the image is of account {match['account']}, and these credentials are of "
            f"{account}; its repository must let the execution role pull",
            err=True,
        )
    digest = _digest(aws, match)
    return f"{match['registry']}/{match['repository']}@{digest}"


def _digest(aws: Aws, image: re.Match) -> str:
    """What ECR says of a tag, or whether it has a digest."""
    tag = image["tag"] or "latest"
    wanted = {"imageDigest": image["digest"]} if image["digest"] else {"imageTag": tag}
    try:
        [found] = aws("ecr").describe_images(
            registryId=image["account"], repositoryName=image["repository"], imageIds=[wanted]
        )["imageDetails"]
    except ClientError as exc:
        refused = "AccessDenied" in exc.response["Error"]["Code"]
        if refused and image["digest"]:
            return image["digest"]  # nobody need look at what a digest means
        text = explain(exc)
        if refused:
            text += "; or give the image by its digest, REPOSITORY@sha256:…"
        raise click.ClickException(text) from exc
    if not image["digest"]:
        click.echo(f"{image['repository']}:{tag} is {found['imageDigest']}", err=True)
    return found["imageDigest"]


def check_bucket(aws: Aws, bucket: str, account: str) -> None:
    """Stop where a bucket is in another region; say where it is another account's."""
    region = _region_of(aws, bucket)
    if region and region != aws.region:
        raise click.ClickException(
            f"the bucket {bucket} is in {region}, and this deploys to {aws.region}; both must be "
            "in one region: deploy there with --region, or copy what is in it with `aws s3 cp`"
        )
    try:
        aws("s3").head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
    except ClientError:
        click.echo(
            f"warning: the bucket {bucket} is not of account {account}, or may not be listed; its "
            "policy must let the execution role in",
            err=True,
        )


def _region_of(aws: Aws, bucket: str) -> str | None:
    """The region of a bucket; S3 tells it also where it refuses all else."""
    try:
        answer: dict[str, Any] = aws("s3").head_bucket(Bucket=bucket)
    except ClientError as exc:
        answer = exc.response
        if answer["ResponseMetadata"]["HTTPStatusCode"] == 404:
            raise
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return answer.get("BucketRegion") or headers.get("x-amz-bucket-region")


def artifact_version(aws: Aws, deployment: Deployment) -> str:
    """Which bytes the artifact has: its version in S3, or its ETag; "" for the prefix of many.

    Raises:
        ClientError: it is not there, or may not be read.
        click.ClickException: there is no file below the prefix of one.
    """
    bucket, key = s3_location(deployment.model_data)
    if is_uncompressed(deployment.model_data, deployment.multi_model):
        return _digest_of_files(aws, bucket, key)
    if deployment.multi_model:
        listed = aws("s3").list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
        if not listed.get("KeyCount", len(listed.get("Contents", []))):
            click.echo(f"warning: there is no model below {deployment.model_data} yet", err=True)
        return ""
    found = aws("s3").head_object(Bucket=bucket, Key=key)
    version = found.get("VersionId")
    return version if version and version != "null" else found["ETag"].strip('"')


def _digest_of_files(aws: Aws, bucket: str, prefix: str) -> str:
    """A digest of the names and ETags of all objects below a prefix.

    Raises:
        click.ClickException: there is none.
    """
    listed = pages(aws("s3"), "list_objects_v2", "Contents", Bucket=bucket, Prefix=prefix)
    files = {item["Key"].removeprefix(prefix): item["ETag"].strip('"') for item in listed}
    if not any(files):
        raise click.ClickException(
            f"there is no file below s3://{bucket}/{prefix}; upload a model first: "
            "scripts/aws/package.py MODEL --uncompressed --output s3://…"
        )
    if any(name.endswith((".tar.gz", ".tgz")) for name in files):
        click.echo(
            f"warning: below s3://{bucket}/{prefix} lies an archive, which stays one: SageMaker "
            "unpacks it where --model names it, or where --multi-model is given",
            err=True,
        )
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
