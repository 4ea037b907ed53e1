#!/usr/bin/env python3
"""Deploy an image and a model as a SageMaker endpoint, or update the one that is there."""

import dataclasses
from typing import Any

import in_venv as in_venv

import click
from botocore.exceptions import BotoCoreError, ClientError

from aws.lib import choices, inventory, options, pace, record, rollout, sources
from aws.lib import dry_run as printing
from aws.lib.calls import Call
from aws.lib.cli import Aws, command, or_none
from aws.lib.deployment import Deployment
from aws.lib.errors import explain
from aws.lib.inventory import Inventory
from aws.lib.scaling import Scaling

EXAMPLE = """scripts/aws/deploy.py --name cells \\
  --role arn:aws:iam::123456789012:role/unet-inference \\
  --image 123456789012.dkr.ecr.eu-central-1.amazonaws.com/unet@sha256:… \\
  --model s3://my-bucket/models/cells.tar.gz --max-instances 3"""

HEADINGS = {  # what a request is for
    "create_model": "the model: image, artifact and role",
    "create_endpoint_config": "the config: where and how the model is served",
    "put_metric_alarm": "an alarm",
    "create_endpoint": "the endpoint, where there is none",
    "update_endpoint": "the endpoint, where there is one, in place of create-endpoint",
    "register_scalable_target": "autoscaling, once the endpoint serves: between which limits",
    "put_scaling_policy": "autoscaling: by what",
}


@command(EXAMPLE)
@options.WHAT
@options.MACHINES
@options.SCALING
@options.KIND
@options.ENVIRONMENT
@options.CONFIGURATION
@options.STRATEGY
@options.ALARMS
@options.DRY_RUN
@click.option("--yes", is_flag=True, help="also what may be costly")
def main(region: str | None, dry_run: bool, form: str, yes: bool, **fields: Any) -> None:
    """Make an endpoint of an image and a model, or update it; running it again changes nothing.

    Model and config are named by a hash of what is in them, the bytes of image and artifact
    included. An update goes blue/green, or in batches, and is rolled back by alarms on the new
    version: 5xx answers, and the model's latency. What served before is kept for
    scripts/aws/rollback.py. Autoscaling that is there stays, unless --no-scaling ends it.
    """
    options.check_format(form, dry_run)
    deployment = choices.deployment(fields)
    choices.check(deployment, yes)
    aws = Aws(region)
    deployment = sources.resolve(aws, deployment)
    if dry_run:
        calls, update = deployment.calls(), deployment.update_endpoint()
        printing.show(form, calls, update, HEADINGS, in_template=True)
    else:
        deploy(aws, deployment)


def deploy(aws: Aws, deployment: Deployment) -> None:
    """Bring the endpoint to what is wanted.

    Raises:
        click.ClickException: it does not serve; what this run made is removed again.
    """
    before = rollout.settle(aws, deployment.name)
    old = inventory.variant_of(aws, before.config) if before.config else {}
    _check(aws, deployment, before, old)
    if before.endpoint and before.status == "InService":  # also what served unseen
        before.record = record.write(aws, before.endpoint, before.record, deployment.tags)
    undo: list[Call] = []
    with rollout.removing(lambda: _undo_unless_used(aws, deployment, undo)):
        endpoint = _bring(aws, deployment, before, old, undo)
    known = record.write(aws, endpoint, before.record, deployment.tags)
    _scale(aws, deployment)
    _prune(aws, deployment, {config for config in (known.serves, known.before) if config})
    click.echo(f"{deployment.name} serves {deployment.config_name} in {aws.region}")


def _check(aws: Aws, deployment: Deployment, before: Inventory, old: dict[str, Any]) -> None:
    """Refuse what SageMaker would refuse later, before anything is made."""
    if before.component:
        raise click.ClickException(
            f"{before.name} has an inference component: scripts/aws/deploy_component.py changes it"
        )
    choices.check_alarms_exist(aws, deployment.own_alarms)
    if before.endpoint:
        rollout.check_kinds(before.name, rollout.machine(old), _machine(deployment))
        if before.config != deployment.config_name:
            choices.check_steps(deployment, before)


def _bring(
    aws: Aws, deployment: Deployment, before: Inventory, old: dict[str, Any], undo: list[Call]
) -> dict[str, Any]:
    """Make what is missing, and the endpoint of it; append to ``undo`` what removes it again."""
    config = deployment.config_name
    _make_parts(aws, deployment, before, undo)
    if before.status == "Failed":  # it can only be deleted
        aws("sagemaker").delete_endpoint(EndpointName=deployment.name)
        inventory.wait(aws, deployment.name)
        before.record = record.Record(None, None, {})  # it was in tags of what has gone
    if before.status in {"gone", "Failed"}:
        removal = Call("sagemaker", "delete_endpoint", {"EndpointName": deployment.name})

        def request() -> None:
            deployment.create_endpoint().run(aws)
            undo.append(removal)

        return rollout.run(aws, before, config, request, ("", ""))
    if before.config == config and before.status == "InService":
        assert before.endpoint
        return before.endpoint
    machines = (rollout.machine(old), _machine(deployment))
    update = deployment.update_endpoint(scaled=bool(before.targets))
    return rollout.run(aws, before, config, lambda: update.run(aws), machines)


def _make_parts(aws: Aws, deployment: Deployment, before: Inventory, undo: list[Call]) -> None:
    """Create the model, the config and its alarms, where they are missing."""
    if not or_none(aws("sagemaker").describe_model, ModelName=deployment.model_name):
        deployment.create_model().run(aws)
        undo.append(Call("sagemaker", "delete_model", {"ModelName": deployment.model_name}))
    if deployment.config_name not in before.configs:
        deployment.create_config().run(aws)
        named = {"EndpointConfigName": deployment.config_name}
        undo.append(Call("sagemaker", "delete_endpoint_config", named))
    existing = {alarm["AlarmName"] for alarm in before.alarms}
    for alarm in deployment.alarms():
        alarm.run(aws)  # also where it exists: the threshold may be another one
        name = alarm.parameters["AlarmName"]
        if name not in existing:
            undo.append(Call("cloudwatch", "delete_alarms", {"AlarmNames": [name]}))


def _machine(deployment: Deployment) -> str:
    [variant] = deployment.create_config().parameters["ProductionVariants"]
    return rollout.machine(variant)


def _undo_unless_used(aws: Aws, deployment: Deployment, undo: list[Call]) -> None:
    """Remove what this run made, if no instance can have it."""
    try:
        endpoint = or_none(aws("sagemaker").describe_endpoint, EndpointName=deployment.name)
    except (ClientError, BotoCoreError) as exc:
        click.echo(f"what this run made is left: {explain(exc)}", err=True)
        return
    status = endpoint["EndpointStatus"] if endpoint else "gone"
    config = endpoint["EndpointConfigName"] if endpoint else None
    serves = status == "InService" and config == deployment.config_name
    if status in {"InService", "Failed", "gone"} and not serves:
        rollout.undo(aws, undo)


def _scale(aws: Aws, deployment: Deployment) -> None:
    """Begin the autoscaling that is asked for; end what was, where it is not wanted any more."""
    kept: tuple[str, ...] = ()
    if deployment.scaling:
        calls = _measured(aws, deployment).calls(deployment.name)
        inventory.begin_scaling(aws, deployment.name, calls, deployment.all_tags)
        kept = tuple(call.parameters.get("PolicyName", "") for call in calls)
    if deployment.scaling or deployment.no_scaling:
        inventory.end_scaling(aws, inventory.take(aws, deployment.name), kept)


def _measured(aws: Aws, deployment: Deployment) -> Scaling:
    """The scaling that is asked for; by requests at once it goes by how fast the container is."""
    scaling = deployment.scaling
    assert scaling
    if scaling.metric != "concurrency" or deployment.concurrency_per_instance:
        return scaling
    measured = pace.concurrency(aws, deployment.name)
    if not measured:
        click.echo(
            f"no log of {deployment.name} says how fast it is: scaling keeps {scaling.target:g} "
            "requests at once for each instance (--concurrency-per-instance)",
            err=True,
        )
        return scaling
    click.echo(f"scaling keeps {measured} requests at once for each instance", err=True)
    return dataclasses.replace(scaling, target=measured)


def _prune(aws: Aws, deployment: Deployment, kept: set[str]) -> None:
    """Remove what belongs to other versions than those that serve and served before."""
    models = {model for config in kept for model in inventory.models_of(aws, config)}
    now = inventory.take(aws, deployment.name)
    for config in set(now.configs) - kept:
        aws("sagemaker").delete_endpoint_config(EndpointConfigName=config)
    for model in set(now.models) - models:
        aws("sagemaker").delete_model(ModelName=model)
    gone = [name for config in set(now.configs) - kept for name in now.alarms_on(config)]
    stale = sorted({*gone, *now.orphaned_alarms})
    if stale:
        aws("cloudwatch").delete_alarms(AlarmNames=stale)


if __name__ == "__main__":
    main()
