#!/usr/bin/env python3
"""Deploy an image and a model as a SageMaker endpoint, or update the one that is there."""

import json
import re
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from aws.lib import inventory, options
from aws.lib.cli import Aws, command, explain, or_none, s3_location
from aws.lib.deployment import Call, Deployment

GPU = re.compile(r"ml\.(p|g|inf|trn)\d")
CHEAP_INSTANCES = 4
EXAMPLE = """scripts/aws/deploy.py --name cells \\
  --role arn:aws:iam::123456789012:role/unet-inference \\
  --image 123456789012.dkr.ecr.eu-central-1.amazonaws.com/unet@sha256:… \\
  --model s3://my-bucket/models/cells.tar.gz --max-instances 3"""


@command(EXAMPLE)
@options.WHAT
@options.MACHINES
@options.KIND
@options.CONFIGURATION
@options.STRATEGY
@click.option("--dry-run", is_flag=True, help="print the requests and call nothing")
@click.option("--yes", is_flag=True, help="also what may be costly")
def main(
    region: str | None,
    dry_run: bool,
    yes: bool,
    vpc: dict[str, Any],
    canary: int | None,
    linear: int | None,
    rolling: int | None,
    all_at_once: bool,
    **fields: Any,
) -> None:
    """Make an endpoint of an image and a model, or update it; running it again changes nothing.

    Model and config are named by a hash of what is in them. An update goes blue/green, or in
    batches, and is rolled back by alarms on 5xx answers and on the model's latency. What served
    before is kept for scripts/aws/rollback.py.
    """
    strategy = _strategy({"canary": canary, "linear": linear, "rolling": rolling}, all_at_once)
    deployment = Deployment(**fields, **vpc, strategy=strategy)
    _check_serverless(deployment)
    _check_instances(deployment, yes)
    if dry_run:
        show(deployment)
    else:
        deploy(Aws(region), deployment)


def _strategy(percents: dict[str, int | None], all_at_once: bool) -> tuple[str, int]:
    """How an update goes, and by how many percent at a time."""
    chosen = [(kind, percent) for kind, percent in percents.items() if percent]
    if len(chosen) + all_at_once > 1:
        raise click.UsageError("give one of --canary, --linear, --rolling and --all-at-once")
    return chosen[0] if chosen else Deployment.strategy


def _check_serverless(deployment: Deployment) -> None:
    if not deployment.serverless:
        return
    excluded = {
        "--multi-model": deployment.multi_model,
        "--max-instances": deployment.max_instances,
        "--async": deployment.async_output,
        "--data-capture": deployment.data_capture,
        "--vpc": deployment.subnets,
        "--network-isolation": deployment.network_isolation,
    }
    for option, value in excluded.items():
        if value:
            raise click.UsageError(f"serverless endpoints have no {option}; leave one out")


def _check_instances(deployment: Deployment, yes: bool) -> None:
    if deployment.max_instances and deployment.max_instances < deployment.instances:
        raise click.UsageError("--max-instances is less than --instances")
    if deployment.serverless or yes:
        return
    instances = deployment.max_instances or deployment.instances
    if GPU.match(deployment.instance_type) or instances > CHEAP_INSTANCES:
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
    undo: list[Call] = []
    try:
        _submit(aws, deployment, before, undo)
    except (ClientError, BotoCoreError) as exc:
        _remove(aws, undo)
        raise click.ClickException(explain(exc)) from exc
    endpoint = inventory.wait(aws, deployment.name)
    try:
        inventory.check_serves(aws, endpoint, deployment.name, deployment.config_name)
    except click.ClickException:
        _remove(aws, undo)
        raise
    for call in deployment.scaling():
        call.run(aws)
    if not deployment.max_instances:
        inventory.end_scaling(aws, before)
    _prune(aws, before, deployment)
    click.echo(f"{deployment.name} serves {deployment.config_name} in {aws.region}")


def _submit(
    aws: Aws, deployment: Deployment, before: inventory.Inventory, undo: list[Call]
) -> None:
    """Create what is missing, and append to ``undo`` the calls that remove it again."""
    sagemaker = aws("sagemaker")
    model, config = deployment.create_model(), deployment.create_config()
    if not or_none(sagemaker.describe_model, ModelName=deployment.model_name):
        model.run(aws)
        undo.append(Call("sagemaker", "delete_model", {"ModelName": deployment.model_name}))
    if deployment.config_name not in before.configs:
        config.run(aws)
        named = {"EndpointConfigName": deployment.config_name}
        undo.append(Call("sagemaker", "delete_endpoint_config", named))
    for alarm in deployment.alarms():
        alarm.run(aws)
        if not before.alarms:
            names = {"AlarmNames": [alarm.parameters["AlarmName"]]}
            undo.append(Call("cloudwatch", "delete_alarms", names))
    endpoint = before.endpoint
    if endpoint and endpoint["EndpointStatus"] == "Failed":  # it never served
        sagemaker.delete_endpoint(EndpointName=deployment.name)
        inventory.wait(aws, deployment.name)
        endpoint = None
    if endpoint is None:
        deployment.create_endpoint().run(aws)
        named = {"EndpointName": deployment.name}
        undo.append(Call("sagemaker", "delete_endpoint", named))
    elif endpoint["EndpointConfigName"] != deployment.config_name:
        deployment.update_endpoint().run(aws)


def _remove(aws: Aws, undo: list[Call]) -> None:
    for call in reversed(undo):
        try:
            call.run(aws)
        except (ClientError, BotoCoreError) as exc:
            click.echo(f"left behind: {explain(exc)}; scripts/aws/delete.py removes it", err=True)


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
