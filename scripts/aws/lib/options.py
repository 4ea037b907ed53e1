"""The options of deploy.py, in groups, and how their texts are read."""

import re
from collections.abc import Callable
from typing import Any

import click

from aws.lib.cli import s3_location
from aws.lib.deployment import STARTUP_SECONDS, Deployment

NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,51}")  # 63 characters with the hash
SERVERLESS_MEMORY_MB = range(1024, 6145, 1024)
SERVERLESS_CONCURRENCY = range(1, 201)


def _name(ctx: click.Context, option: click.Parameter, value: str) -> str:
    if not NAME.fullmatch(value):
        raise click.BadParameter(
            f"{value!r} must have letters, digits and hyphens, 52 at most, none at the ends"
        )
    return value


def _location(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    if value:
        s3_location(value)
    return value


def _pairs(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    for value in values:
        if "=" not in value:
            raise click.BadParameter(f"{value!r} must be KEY=VALUE")
    return dict(value.split("=", 1) for value in values)


def _serverless(
    ctx: click.Context, option: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    if not value:
        return None
    match = re.fullmatch(r"(\d+):(\d+)", value)
    if match:
        memory, concurrency = int(match[1]), int(match[2])
        if memory in SERVERLESS_MEMORY_MB and concurrency in SERVERLESS_CONCURRENCY:
            return memory, concurrency
    raise click.BadParameter(
        f"{value!r} must be MEMORY_MB:CONCURRENCY, such as 4096:5; memory "
        "in steps of 1024 up to 6144, concurrency up to 200"
    )


def _vpc(ctx: click.Context, option: click.Parameter, value: str | None) -> dict[str, Any]:
    if not value:
        return {}
    subnets, _, groups = value.partition(":")
    if not subnets.startswith("subnet-") or not groups.startswith("sg-"):
        raise click.BadParameter(f"{value!r} must be subnet-…,subnet-…:sg-…")
    return {
        "subnets": tuple(subnets.split(",")),
        "security_groups": tuple(groups.split(",")),
    }


Decorator = Callable[[Callable], Callable]


def _group(*options: Decorator) -> Decorator:
    """One decorator for several options; the help lists them in this order."""

    def decorate(function: Callable) -> Callable:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


WHAT = _group(
    click.option("--name", required=True, callback=_name, help="of the endpoint"),
    click.option("--image", required=True, help="in ECR, best by digest"),
    click.option(
        "--model",
        "model_data",
        required=True,
        callback=_location,
        help="model.tar.gz in S3; with --multi-model the prefix of many",
    ),
    click.option("--role", required=True, help="ARN of the execution role"),
)
MACHINES = _group(
    click.option("--instance-type", default=Deployment.instance_type, show_default=True),
    click.option("--instances", type=click.IntRange(1), default=1, show_default=True),
    click.option(
        "--max-instances", type=click.IntRange(2), help="scale from --instances up to this"
    ),
    click.option(
        "--invocations-per-instance",
        type=click.IntRange(1),
        show_default=True,
        default=Deployment.invocations_per_instance,
        help="a minute; scaling keeps it there",
    ),
)
KIND = _group(
    click.option("--serverless", callback=_serverless, metavar="MEMORY_MB:CONCURRENCY"),
    click.option(
        "--async",
        "async_output",
        callback=_location,
        metavar="S3_PREFIX",
        help="asynchronous inference; answers go there",
    ),
    click.option("--multi-model", is_flag=True),
)
CONFIGURATION = _group(
    click.option("--env", "environment", multiple=True, callback=_pairs, metavar="KEY=VALUE"),
    click.option("--variant-weight", type=click.FloatRange(0), default=1.0, show_default=True),
    click.option(
        "--data-capture",
        callback=_location,
        metavar="S3_PREFIX",
        help="keep requests and answers there",
    ),
    click.option("--vpc", callback=_vpc, metavar="SUBNETS:GROUPS"),
    click.option("--kms-key", help="for the instances' disks"),
    click.option("--network-isolation", is_flag=True, help="the container reaches no network"),
    click.option("--tag", "tags", multiple=True, callback=_pairs, metavar="KEY=VALUE"),
    click.option(
        "--health-timeout",
        type=click.IntRange(60, 3600),
        default=STARTUP_SECONDS,
        show_default=True,
        help="seconds until the container must answer /ping",
    ),
)
STRATEGY = _group(
    click.option("--canary", type=click.IntRange(1, 50), metavar="PERCENT", help="then the rest"),
    click.option("--linear", type=click.IntRange(10, 50), metavar="PERCENT", help="step by step"),
    click.option(
        "--rolling",
        type=click.IntRange(5, 50),
        metavar="PERCENT",
        help="replace instances in batches, without a second fleet",
    ),
    click.option("--all-at-once", is_flag=True, help="the default"),
)
