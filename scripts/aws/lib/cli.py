"""What the AWS scripts share: clients, errors explained in one line, places in S3."""

import functools
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import boto3
import botocore.session
import click
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError

from aws.lib.errors import explain

NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,51}")  # 63 characters with the hash
REGION = "AWS_REGION"  # of the AWS CLI, version 2, and of the other SDKs; boto3 does not read it


class AwsCommand(click.Command):
    """A command that ends with one line, and exit code 1, where AWS refuses."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (BotoCoreError, ClientError, Boto3Error, ResponseParserError) as exc:
            raise click.ClickException(explain(exc)) from exc


def command(example: str) -> Callable:
    """A click command with an example in its help, and ``--region``."""

    def decorate(function: Callable) -> click.Command:
        region = click.option("--region", help="default: that of your AWS configuration")
        epilog = "\b\nExample:\n" + "\n".join(f"  {line.strip()}" for line in example.splitlines())
        made = click.command(cls=AwsCommand, epilog=epilog)
        return made(region(function))

    return decorate


class Aws:
    """Clients of AWS services, made when first wanted; they live as long as this object.

    Throttling is retried as botocore's standard mode does.
    """

    def __init__(self, region: str | None = None):
        region = region or os.environ.get(REGION) or None
        core = botocore.session.get_session()
        self.session = boto3.session.Session(region_name=region, botocore_session=core)
        # only now: boto3 adds a folder to the loader that it meets
        core.register_component("data_loader", _descriptions())
        self._clients: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        if service not in self._clients:
            config = Config(retries={"mode": "standard", "max_attempts": 5})
            self._clients[service] = self.session.client(service, config=config)
        return self._clients[service]

    @property
    def region(self) -> str:
        return self("sagemaker").meta.region_name


@functools.cache
def _descriptions() -> Loader:
    """What botocore knows of each service; each session would read these large files again."""
    return botocore.session.get_session().get_component("data_loader")


def s3_location(uri: str) -> tuple[str, str]:
    """s3://bucket/some/key -> (bucket, some/key).

    Raises:
        click.BadParameter: it is no such location.
    """
    match = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", uri)
    if not match:
        raise click.BadParameter(f"{uri!r} is no place in S3; it must be s3://bucket/key")
    return match[1], match[2] or ""


def endpoint_name(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Check the name of an endpoint that is given on the command line."""
    if value is not None and not NAME.fullmatch(value):
        raise click.BadParameter(
            f"{value!r} must have letters, digits and hyphens, 52 at most, none at the ends"
        )
    return value


def is_missing(exception: ClientError) -> bool:
    """Whether AWS says that there is no such thing; SageMaker calls that a validation error.

    Messages of other codes do not count: they repeat names and accounts, which may be anything.
    """
    error = exception.response["Error"]
    code, message = error.get("Code", ""), error.get("Message", "")
    if code.startswith("Validation"):
        return bool(re.search(r"(?i)not ?found|could not find|does not exist|cannot find", message))
    return code == "404" or bool(re.search(r"NotFound|NoSuch", code))


def or_none(call: Callable, **parameters: Any) -> dict[str, Any] | None:
    """The answer of a call that describes something; None where AWS says that it does not exist."""
    try:
        return call(**parameters)
    except ClientError as exc:
        if is_missing(exc):
            return None
        raise


class StatusLine:
    """A line that is rewritten in a terminal, and written once per change elsewhere."""

    def __init__(self, what: str):
        self._what = what
        self._since = time.monotonic()
        self._last = ""

    def show(self, status: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._since), 60)
        if sys.stderr.isatty():
            click.echo(f"\r{self._what}: {status} {minutes:02}:{seconds:02} ", err=True, nl=False)
        elif status != self._last:
            click.echo(f"{self._what}: {status}", err=True)
        self._last = status

    def end(self) -> None:
        if sys.stderr.isatty():
            click.echo(err=True)


def pages(client: Any, operation: str, key: str, **parameters: Any) -> list[dict[str, Any]]:
    """All items of a listing, over its pages."""
    paginator = client.get_paginator(operation)
    return [item for page in paginator.paginate(**parameters) for item in page.get(key, [])]
