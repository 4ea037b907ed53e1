#!/usr/bin/env python3
"""Deploy an image and a model as a SageMaker endpoint, or update the one that is there."""

import json
import re
from dataclasses import replace
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

import inventory
from aws_cli import Aws, command, explain, or_none, s3_location
from deployment import STARTUP_SECONDS, Call, Deployment

GPU = re.compile(r"ml\.(p|g|inf|trn)\d")
CHEAP_INSTANCES = 4
EXAMPLE = """scripts/deploy.py --name cells --role arn:aws:iam::123456789012:role/unet-inference \\
  --image 123456789012.dkr.ecr.eu-central-1.amazonaws.com/unet@sha256:… \\
  --model s3://my-bucket/models/cells.tar.gz --max-instances 3"""


def _pair(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    for value in values:
        if "=" not in value:
            raise click.BadParameter(f"{value!r} must be KEY=VALUE")
    return dict(value.split("=", 1) for value in values)


def _serverless(
    ctx: click.Context, option: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    if not value:
        return None
    found = re.fullmatch(r"(\d+):(\d+)", value)
    sizes = range(1024, 6145, 1024)
    if not found or int(found[1]) not in sizes or not 1 <= int(found[2]) <= 200:
        raise click.BadParameter(f"{value!r} must be MEMORY_MB:CONCURRENCY, such as 4096:5; memory "
                                 "in steps of 1024 up to 6144, concurrency up to 200")  # fmt: skip
    return int(found[1]), int(found[2])


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


def _location(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    if value:
        s3_location(value)
    return value


NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,51}")  # 63 characters with the hash


def _name(ctx: click.Context, option: click.Parameter, value: str) -> str:
    if not NAME.fullmatch(value):
        raise click.BadParameter(
            f"{value!r} must have letters, digits and hyphens, 52 at most, none at the ends"
        )
    return value


@command(EXAMPLE)
@click.option("--name", required=True, callback=_name, help="of the endpoint")
@click.option("--image", required=True, help="in ECR, best by digest")
@click.option(
    "--model",
    "model_data",
    required=True,
    callback=_location,
    help="model.tar.gz in S3; with --multi-model the prefix of many",
)
@click.option("--role", required=True, help="ARN of the execution role")
@click.option("--instance-type", default=Deployment.instance_type, show_default=True)
@click.option("--instances", type=click.IntRange(1), default=1, show_default=True)
@click.option("--max-instances", type=click.IntRange(2), help="scale from --instances up to this")
@click.option(
    "--invocations-per-instance",
    type=click.IntRange(1),
    show_default=True,
    default=Deployment.invocations_per_instance,
    help="a minute; scaling keeps it there",
)
@click.option("--serverless", callback=_serverless, metavar="MEMORY_MB:CONCURRENCY")
@click.option(
    "--async",
    "async_output",
    callback=_location,
    metavar="S3_PREFIX",
    help="asynchronous inference; answers go there",
)
@click.option("--multi-model", is_flag=True)
@click.option("--env", "environment", multiple=True, callback=_pair, metavar="KEY=VALUE")
@click.option("--variant-weight", type=click.FloatRange(0), default=1.0, show_default=True)
@click.option(
    "--data-capture",
    callback=_location,
    metavar="S3_PREFIX",
    help="keep requests and answers there",
)
@click.option("--vpc", callback=_vpc, metavar="SUBNETS:GROUPS")
@click.option("--kms-key", help="for the instances' disks")
@click.option("--network-isolation", is_flag=True, help="the container reaches no network")
@click.option("--tag", "tags", multiple=True, callback=_pair, metavar="KEY=VALUE")
@click.option(
    "--health-timeout",
    type=click.IntRange(60, 3600),
    default=STARTUP_SECONDS,
    show_default=True,
    help="seconds until the container must answer /ping",
)
@click.option("--canary", type=click.IntRange(1, 50), metavar="PERCENT", help="then the rest")
@click.option("--linear", type=click.IntRange(10, 50), metavar="PERCENT", help="step by step")
@click.option(
    "--rolling",
    type=click.IntRange(5, 50),
    metavar="PERCENT",
    help="replace instances in batches, without a second fleet",
)
@click.option("--all-at-once", is_flag=True, help="the default")
@click.option("--dry-run", is_flag=True, help="print the requests and call nothing")
@click.option("--yes", is_flag=True, help="also what may be costly")  # fmt: skip
def main(region, dry_run, yes, vpc, canary, linear, rolling, all_at_once, **options):
    """Make an endpoint of an image and a model, or update it; running it again changes nothing.

    Model and config are named by a hash of what is in them. An update goes blue/green, or in
    batches, and is rolled back by alarms on 5xx answers and on the model's latency. What served
    before is kept for scripts/rollback.py.
    """
    strategies = {
        "canary": canary,
        "linear": linear,
        "rolling": rolling,
        "all-at-once": all_at_once,
    }
    chosen = [(kind, int(value)) for kind, value in strategies.items() if value]
    if len(chosen) > 1:
        raise click.UsageError("give one of --canary, --linear, --rolling and --all-at-once")
    deployment = Deployment(**options, **vpc)
    if chosen and chosen[0][0] != "all-at-once":
        deployment = replace(deployment, strategy=chosen[0])
    _check(deployment, yes)
    if dry_run:
        show(deployment)
        return
    deploy(Aws(region), deployment)


def _check(deployment: Deployment, yes: bool) -> None:
    if deployment.serverless:
        excluded = {
            "--multi-model": deployment.multi_model,
            "--max-instances": deployment.max_instances,
            "--async": deployment.async_output,
            "--data-capture": deployment.data_capture,
            "--vpc": deployment.subnets,
            "--network-isolation": deployment.network_isolation,
        }
        for option, given in excluded.items():
            if given:
                raise click.UsageError(f"serverless endpoints have no {option}; leave one out")
    if deployment.max_instances and deployment.max_instances < deployment.instances:
        raise click.UsageError("--max-instances is less than --instances")
    instances = deployment.max_instances or deployment.instances
    costly = GPU.match(deployment.instance_type) or instances > CHEAP_INSTANCES
    if costly and not deployment.serverless and not yes:
        raise click.UsageError(
            f"up to {instances} of {deployment.instance_type} may be costly; add --yes if meant"
        )


def show(deployment: Deployment) -> None:
    """Print the requests, as JSON and as lines for the AWS CLI."""
    calls = [*deployment.calls(), deployment.update_endpoint()]
    for call in calls:
        if call.operation == "update_endpoint":
            click.echo("# where the endpoint exists, in place of create_endpoint:")
        request = {"service": call.service, "operation": call.operation}
        click.echo(json.dumps(request | {"parameters": call.parameters}, indent=2))
        click.echo(call.as_cli())


def deploy(aws: Aws, deployment: Deployment) -> None:
    """Bring the endpoint to what is wanted.

    Raises:
        click.ClickException: it does not serve; what this run made is removed again.
    """
    _check_artifact(aws, deployment)
    before = inventory.take(aws, deployment.name)
    if before.endpoint and before.endpoint["EndpointStatus"] in inventory.CHANGING:
        click.echo(f"{deployment.name} is being changed already; waiting for that", err=True)
        inventory.wait(aws, deployment.name)
        before = inventory.take(aws, deployment.name)
    made: list[Call] = []  # what undoes what this run has made
    try:
        _submit(aws, deployment, before, made)
    except (ClientError, BotoCoreError) as exc:
        _remove(aws, made)
        raise click.ClickException(explain(exc)) from exc
    endpoint = inventory.wait(aws, deployment.name)
    try:
        inventory.check_serves(aws, endpoint, deployment.name, deployment.config_name)
    except click.ClickException:
        _remove(aws, made)
        raise
    for call in deployment.scaling():
        call.run(aws)
    if not deployment.max_instances:
        inventory.end_scaling(aws, before)
    _prune(aws, before, deployment)
    click.echo(f"{deployment.name} serves {deployment.config_name} in {aws.region}")


def _submit(
    aws: Aws, deployment: Deployment, before: inventory.Inventory, made: list[Call]
) -> None:
    """Create what is missing, and note in ``made`` how to remove it."""
    sagemaker = aws("sagemaker")
    model, config = deployment.create_model(), deployment.create_config()
    if not or_none(sagemaker.describe_model, ModelName=deployment.model_name):
        model.run(aws)
        made.append(Call("sagemaker", "delete_model", {"ModelName": deployment.model_name}))
    if deployment.config_name not in before.configs:
        config.run(aws)
        named = {"EndpointConfigName": deployment.config_name}
        made.append(Call("sagemaker", "delete_endpoint_config", named))
    for alarm in deployment.alarms():
        alarm.run(aws)
        if not before.alarms:
            names = {"AlarmNames": [alarm.parameters["AlarmName"]]}
            made.append(Call("cloudwatch", "delete_alarms", names))
    endpoint = before.endpoint
    if endpoint and endpoint["EndpointStatus"] == "Failed":  # it never served
        sagemaker.delete_endpoint(EndpointName=deployment.name)
        inventory.wait(aws, deployment.name)
        endpoint = None
    if endpoint is None:
        deployment.create_endpoint().run(aws)
        named = {"EndpointName": deployment.name}
        made.append(Call("sagemaker", "delete_endpoint", named))
    elif endpoint["EndpointConfigName"] != deployment.config_name:
        deployment.update_endpoint().run(aws)


def _remove(aws: Aws, made: list[Call]) -> None:
    for call in reversed(made):
        try:
            call.run(aws)
        except (ClientError, BotoCoreError) as exc:
            click.echo(f"left behind: {explain(exc)}; scripts/delete.py removes it", err=True)


def _check_artifact(aws: Aws, deployment: Deployment) -> None:
    bucket, key = s3_location(deployment.model_data)
    if not deployment.multi_model:
        aws("s3").head_object(Bucket=bucket, Key=key)
    else:
        aws("s3").list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)


def _prune(aws: Aws, before: inventory.Inventory, deployment: Deployment) -> None:
    """Remove versions older than the one that served before."""
    served = before.config if before.config != deployment.config_name else before.previous_config
    kept = {deployment.config_name, served}
    models = {deployment.model_name, *(inventory.models_of(aws, served) if served else [])}
    now = inventory.take(aws, deployment.name)
    for config in set(now.configs) - kept:
        aws("sagemaker").delete_endpoint_config(EndpointConfigName=config)
    for model in set(now.models) - models:
        aws("sagemaker").delete_model(ModelName=model)


if __name__ == "__main__":
    main()
