"""The artifacts of a multi-model endpoint: NAME-1.tar.gz, NAME-2.tar.gz, … below a prefix.

SageMaker loads an artifact when a request first asks for it, by its key below the prefix, and
keeps it, in memory and on disk, without looking whether the object has changed. So no key is
written twice: where all versions of a model are removed, an empty NAME-2.removed keeps the number.

https://docs.aws.amazon.com/sagemaker/latest/dg/add-models-to-endpoint.html
"""

import re
import tarfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from aws.lib.cli import Aws, pages, s3_location

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
SUFFIX, REMOVED = ".tar.gz", ".removed"
KEY = re.compile(rf"(?P<name>.+)-(?P<number>\d+)({re.escape(SUFFIX)}|{re.escape(REMOVED)})")


@dataclass(frozen=True)
class Version:
    """An artifact.

    Attributes:
        key: below the prefix: what a request asks for.
        number: of the version; 0 where the key has none.
        etag: what S3 says of its bytes.
    """

    key: str
    number: int
    size: int
    since: datetime
    etag: str


class Models:
    """The artifacts below a prefix in S3."""

    def __init__(self, aws: Aws, bucket: str, prefix: str):
        self._s3, self._bucket = aws("s3"), bucket
        self._prefix = f"{prefix.rstrip('/')}/" if prefix else ""
        listed = pages(self._s3, "list_objects_v2", "Contents", Bucket=bucket, Prefix=self._prefix)
        self._versions = [self._version(item) for item in listed if item["Key"] != self._prefix]

    @property
    def place(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}"

    def all(self) -> list[Version]:
        """Every artifact, and what else is there, by names and versions."""
        return sorted(self._versions, key=lambda v: (_name(v.key), v.number, v.key))

    def versions(self, name: str) -> list[Version]:
        """The versions of a model, oldest first."""
        return [v for v in self._numbered(name) if v.key.endswith(SUFFIX)]

    def _numbered(self, name: str) -> list[Version]:
        """The versions of a model, and what keeps the number of one that was removed."""
        numbered = [v for v in self._versions if v.number and _name(v.key) == name]
        return sorted(numbered, key=lambda version: version.number)

    def put(self, name: str, artifact: str) -> Version:
        """Add an artifact as the next version of a model, unless it is the newest one already.

        Args:
            artifact: a file, or an object in S3.

        Raises:
            click.ClickException: it is no archive.
        """
        known, used = self.versions(name), self._numbered(name)
        number = used[-1].number + 1 if used else 1
        key = f"{name}-{number}{SUFFIX}"
        if artifact.startswith("s3://"):
            bucket, source = s3_location(artifact)
            _check_suffix(artifact)
            origin = {"Bucket": bucket, "Key": source}
            self._s3.copy(origin, self._bucket, self._prefix + key)
        else:
            _check_archive(Path(artifact))
            self._s3.upload_file(artifact, self._bucket, self._prefix + key)
        found = self._s3.head_object(Bucket=self._bucket, Key=self._prefix + key)
        made = Version(
            key, number, found["ContentLength"], found["LastModified"], found["ETag"].strip('"')
        )
        if known and known[-1].etag == made.etag:  # nobody has asked for it yet
            self._s3.delete_object(Bucket=self._bucket, Key=self._prefix + key)
            click.echo(f"{known[-1].key} has the same bytes: nothing is replaced", err=True)
            return known[-1]
        self._versions.append(made)
        return made

    def delete(self, name: str, going: list[Version]) -> None:
        """Delete versions of a model; where none is left, the last number is kept."""
        last = self._numbered(name)[-1].number
        if going == self.versions(name):
            kept = f"{self._prefix}{name}-{last}{REMOVED}"
            self._s3.put_object(Bucket=self._bucket, Key=kept, Body=b"")
        for version in going:
            self._s3.delete_object(Bucket=self._bucket, Key=self._prefix + version.key)

    def _version(self, item: dict[str, Any]) -> Version:
        key = item["Key"].removeprefix(self._prefix)
        match = KEY.fullmatch(key)
        number = int(match["number"]) if match else 0
        return Version(key, number, item["Size"], item["LastModified"], item["ETag"].strip('"'))


def name_of_model(context: click.Context, argument: click.Parameter, value: str) -> str:
    """Check a name that is given on the command line."""
    if not NAME.fullmatch(value):
        raise click.BadParameter(
            f"{value!r} must have letters, digits, dots, underscores and hyphens, 100 at most"
        )
    return value


def _name(key: str) -> str:
    """The name of a model, without its version."""
    match = KEY.fullmatch(key)
    return match["name"] if match else key


def _check_suffix(artifact: str) -> None:
    if not artifact.endswith(SUFFIX):
        raise click.ClickException(
            f"{artifact} is no {SUFFIX}, which SageMaker unpacks; scripts/aws/package.py makes one"
        )


def _check_archive(path: Path) -> None:
    try:
        with tarfile.open(path, "r:gz") as archive:
            archive.next()
    except (OSError, tarfile.TarError) as exc:
        raise click.ClickException(
            f"{path} is no {SUFFIX} of a model: {exc}; scripts/aws/package.py makes one"
        ) from exc
