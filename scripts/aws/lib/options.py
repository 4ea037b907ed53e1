"""The options of deploy.py, in groups, and how their texts are read."""

import re
from collections.abc import Callable
from typing import Any

import click

from aws.lib import machines, pace, scaling
from aws.lib.cli import endpoint_name, s3_location
from aws.lib.component import Component
from aws.lib.deployment import LATENCY_SECONDS, ROUTING, STARTUP_SECONDS, Deployment

ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")
VARIABLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
MACHINE = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9]+")
VPC = re.compile(r"subnet-\w+(,subnet-\w+)*:sg-\w+(,sg-\w+)*")
CLOUDFORMATION = "cloudformation"
SERVERLESS_MEMORY_MB = range(1024, 6145, 1024)
SERVERLESS_CONCURRENCY = range(1, 201)


def _location(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    if value:
        s3_location(value)
    return value


def _role(ctx: click.Context, option: click.Parameter, value: str) -> str:
    if not ROLE.fullmatch(value):
        raise click.BadParameter(f"{value!r} must be an ARN: arn:aws:iam::123456789012:role/NAME")
    return value


def _pairs(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    for value in values:
        if "=" not in value:
            raise click.BadParameter(f"{value!r} must be KEY=VALUE")
    return dict(value.split("=", 1) for value in values)


def _variables(
    ctx: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    variables = _pairs(ctx, option, values)
    for name in variables:
        if not VARIABLE.fullmatch(name):
            raise click.BadParameter(
                f"{name!r} must have letters, digits and underscores, and no digit at first"
            )
    return variables


def _machine(ctx: click.Context, option: click.Parameter, value: str) -> str:
    if not MACHINE.fullmatch(value):
        raise click.BadParameter(f"{value!r} must be such as {machines.INSTANCE_TYPE}")
    return value


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
    if not VPC.fullmatch(value):
        raise click.BadParameter(f"{value!r} must be subnet-…,subnet-…:sg-…")
    subnets, _, groups = value.partition(":")
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
    click.option("--name", required=True, callback=endpoint_name, help="of the endpoint"),
    click.option("--image", required=True, help="in ECR; a tag means the digest that it has now"),
    click.option(
        "--model",
        "model_data",
        required=True,
        callback=_location,
        help="model.tar.gz in S3, or the prefix of its files, with a slash at its end; with "
        "--multi-model the prefix of many archives",
    ),
    click.option("--role", required=True, callback=_role, help="ARN of the execution role"),
)
INSTANCE_TYPE = click.option(
    "--instance-type", default=Deployment.instance_type, show_default=True, callback=_machine
)
INFERENCE_AMI = click.option(
    "--inference-ami",
    type=click.Choice(machines.AMIS),
    help=f"of GPU instances, with a driver for the image; default: {machines.GPU_AMI}",
)
MACHINES = _group(
    INSTANCE_TYPE,
    click.option("--instances", type=click.IntRange(1), default=1, show_default=True),
    INFERENCE_AMI,
    click.option(
        "--routing",
        type=click.Choice(list(ROUTING)),
        default=Deployment.routing,
        show_default=True,
        help="which instance gets a request",
    ),
)
SCALING = _group(
    click.option("--max-instances", type=click.IntRange(1), help="begin autoscaling, up to this"),
    click.option(
        "--min-instances",
        type=click.IntRange(0),
        help="down to this; default: --instances, with --async none",
    ),
    click.option(
        "--concurrency-per-instance",
        type=click.IntRange(1),
        help=f"requests at once; scaling keeps it there; default: what an instance answers in "
        f"{pace.SECONDS:g} s, as its container measured at its start, or {scaling.CONCURRENCY}",
    ),
    click.option(
        "--invocations-per-instance",
        type=click.IntRange(1),
        help=f"scale by these a minute instead; with --multi-model: {scaling.INVOCATIONS}",
    ),
    click.option(
        "--backlog-per-instance",
        type=click.IntRange(1),
        help=f"with --async: requests that wait; default: {scaling.BACKLOG}",
    ),
    click.option("--no-scaling", is_flag=True, help="end the autoscaling that there is"),
)
KIND = _group(
    click.option("--serverless", callback=_serverless, metavar="MEMORY_MB:CONCURRENCY"),
    click.option(
        "--provisioned",
        type=click.IntRange(1, 200),
        help="of the serverless concurrency, what is kept warm",
    ),
    click.option("--max-provisioned", type=click.IntRange(1, 200), help="scale it up to this"),
    click.option(
        "--async",
        "async_output",
        callback=_location,
        metavar="S3_PREFIX",
        help="asynchronous inference; answers go there",
    ),
    click.option("--multi-model", is_flag=True),
)
ENVIRONMENT = _group(
    click.option("--env", "environment", multiple=True, callback=_variables, metavar="KEY=VALUE"),
    click.option("--tag", "tags", multiple=True, callback=_pairs, metavar="KEY=VALUE"),
    click.option(
        "--health-timeout",
        type=click.IntRange(60, 3600),
        default=STARTUP_SECONDS,
        show_default=True,
        help="seconds until the container must answer /ping",
    ),
)
CONFIGURATION = _group(
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
ALARMS = _group(
    click.option(
        "--alarm",
        "own_alarms",
        multiple=True,
        metavar="NAME",
        help="one of yours that rolls an update back, too; may be repeated",
    ),
    click.option("--no-alarms", is_flag=True, help="nothing rolls an update back"),
    click.option(
        "--alarm-errors",
        type=click.IntRange(1),
        default=Deployment.alarm_errors,
        show_default=True,
        help="5xx answers in a minute that are too many",
    ),
    click.option(
        "--alarm-latency",
        type=click.FloatRange(0, min_open=True),
        help=f"seconds, p99, that are too long; default: {LATENCY_SECONDS:g}, with --async any",
    ),
)
COPIES = _group(
    INSTANCE_TYPE,
    INFERENCE_AMI,
    click.option(
        "--max-instances",
        type=click.IntRange(1),
        default=Component.max_instances,
        show_default=True,
        help="machines; one more than the copies need is used while these are replaced",
    ),
    click.option(
        "--max-copies", type=click.IntRange(1), default=Component.max_copies, show_default=True
    ),
    click.option(
        "--min-copies",
        type=click.IntRange(0),
        default=Component.min_copies,
        show_default=True,
        help="0: none, and no machine, while nobody asks",
    ),
    click.option(
        "--concurrency-per-copy",
        type=click.IntRange(1),
        default=Component.concurrency_per_copy,
        show_default=True,
        help="requests at once; scaling keeps it there",
    ),
    click.option(
        "--memory",
        "memory_mb",
        type=click.IntRange(512),
        default=Component.memory_mb,
        show_default=True,
        help="megabytes that are set aside for a copy",
    ),
    click.option(
        "--cpus",
        type=click.FloatRange(0.25),
        default=Component.cpus,
        show_default=True,
        help="that are set aside for a copy; with a GPU: one GPU instead",
    ),
)
DRY_RUN = _group(
    click.option("--dry-run", is_flag=True, help="print the requests and change nothing"),
    click.option(
        "--format",
        "form",
        type=click.Choice(["cli", CLOUDFORMATION]),
        default="cli",
        show_default=True,
        help="with --dry-run: lines for the AWS CLI, or a template of the same",
    ),
)


def check_format(form: str, dry_run: bool) -> None:
    """Refuse a template of what is deployed by requests.

    Raises:
        click.UsageError: there is no --dry-run.
    """
    if form == CLOUDFORMATION and not dry_run:
        raise click.UsageError("--format is for --dry-run; `aws cloudformation deploy` deploys it")
