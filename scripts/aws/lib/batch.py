"""What batch transform.py sends, and what has become of each image. A job's images are listed in a
manifest, so that it takes exactly these: a prefix in S3 is the beginning of a key, and takes
"sections-old/" for "sections".

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html
"""

import json
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from aws.lib.cli import Aws, pages, s3_location
from segmentation.wire.formats import ANY_PICTURE, FORMATS

MOST_MB = 100  # that SageMaker sends at once, of all requests to one machine together
AT_ONCE = 4  # requests to one machine, where their sizes allow it
MASK = ".out"  # what SageMaker appends to the name of the image


@dataclass(frozen=True)
class Batch:
    """A job of batch transform.

    Attributes:
        source: s3://bucket/prefix/ of the images, with a slash at its end.
        images: their keys, without the prefix, with their sizes in bytes.
        other: how many other objects are there, which are not sent.
    """

    job: str
    source: str
    output: str
    images: dict[str, int]
    other: int

    @property
    def manifest(self) -> tuple[str, str, bytes]:
        """Bucket, key and content of the object that lists the images."""
        bucket, prefix = s3_location(self.source)
        content = json.dumps([{"prefix": self.source}, *self.images])
        return bucket, f"{prefix}{self.job}.manifest", content.encode()

    def request(
        self,
        model: str,
        content_type: str,
        accept: str | None,
        instance_type: str,
        instances: int,
        tags: list[dict[str, str]],
    ) -> dict[str, Any]:
        """The parameters of CreateTransformJob."""
        bucket, key, _ = self.manifest
        place = {"S3DataType": "ManifestFile", "S3Uri": f"s3://{bucket}/{key}"}
        transform_output = {"S3OutputPath": self.output}
        if accept:
            transform_output["Accept"] = accept
        payload = max(1, math.ceil(max(self.images.values()) / 1_000_000))
        return {
            "TransformJobName": self.job,
            "ModelName": model,
            "BatchStrategy": "SingleRecord",
            "MaxPayloadInMB": payload,
            "MaxConcurrentTransforms": max(1, min(AT_ONCE, MOST_MB // payload)),
            "ModelClientConfig": {"InvocationsTimeoutInSeconds": 3600, "InvocationsMaxRetries": 1},
            "TransformInput": {
                "DataSource": {"S3DataSource": place},
                "ContentType": content_type,
                "SplitType": "None",
                "CompressionType": "None",
            },
            "TransformOutput": transform_output,
            "TransformResources": {"InstanceType": instance_type, "InstanceCount": instances},
            "Tags": tags,
        }

    def unmasked(self, aws: Aws, since: datetime) -> list[str]:
        """The images that have no mask which is as new as the job."""
        bucket, prefix = s3_location(self.output)
        listed = pages(aws("s3"), "list_objects_v2", "Contents", Bucket=bucket, Prefix=prefix)
        begin = since.replace(microsecond=0)  # S3 knows whole seconds
        masks = {f"/{item['Key']}" for item in listed if item["LastModified"] >= begin}
        return [image for image in self.images if not _has_mask(image, masks)]


def _has_mask(image: str, masks: set[str]) -> bool:
    """Whether one of the keys, each behind a slash, ends in the name of an image's mask.

    Below the output SageMaker repeats the folders of the input, more or fewer of them.
    """
    wanted = f"/{image}{MASK}"
    return any(mask.endswith(wanted) for mask in masks)


def collect(aws: Aws, job: str, source: str, output: str, content_type: str) -> Batch:
    """The images below a prefix, by the suffixes of a media type.

    Raises:
        click.ClickException: there is none, or one is too large.
    """
    source = source if source.endswith("/") else f"{source}/"
    bucket, prefix = s3_location(source)
    listed = pages(aws("s3"), "list_objects_v2", "Contents", Bucket=bucket, Prefix=prefix)
    suffixes = suffixes_of(content_type)
    images, other = {}, 0
    for item in listed:
        name = item["Key"][len(prefix) :]
        if name.lower().endswith(suffixes):
            images[name] = item["Size"]
        elif name and not name.endswith("/"):  # a folder that the console made
            other += 1
    if not images:
        raise click.ClickException(
            f"there is no image below {source}, of {other} objects; images end in "
            f"{', '.join(suffixes)}: upload some first, or give another --content-type"
        )
    too_large = [name for name, size in images.items() if size > MOST_MB * 1_000_000]
    if too_large:
        raise click.ClickException(
            f"{too_large[0]} has more than the {MOST_MB} MB that SageMaker sends at once; "
            "cut it, or send it to an asynchronous endpoint"
        )
    return Batch(job, source, output.rstrip("/"), images, other)


def suffixes_of(content_type: str) -> tuple[str, ...]:
    """How the names of files of a media type end.

    Raises:
        click.BadParameter: it is none that is known.
    """
    known = {kind.media_type: kind.suffixes for kind in FORMATS}
    pictures = tuple(suffix for kind in FORMATS if kind.picture for suffix in kind.suffixes)
    known[ANY_PICTURE.media_type] = pictures
    if content_type not in known:
        raise click.BadParameter(f"{content_type!r} is not known; known are {', '.join(known)}")
    return known[content_type]
