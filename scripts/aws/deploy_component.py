#!/usr/bin/env python3
"""Deploy a model as an inference component: a real-time endpoint that scales down to nothing."""

import dataclasses
from typing import Any

import in_venv as in_venv

import click
from botocore.exceptions import BotoCoreError, ClientError

from aws.lib import (
    choices,
    component_rollout,
    inventory,
    machines,
    options,
    record,
    rollout,
    sources,
)
from aws.lib import dry_run as printing
from aws.lib.calls import Call
from aws.lib.cli import Aws, command, or_none
from aws.lib.component import Component
from aws.lib.deployment import Deployment
from aws.lib.errors import explain
from aws.lib.inventory import Inventory

EXAMPLE = """scripts/aws/deploy_component.py --name cells --max-copies 2 \\
  --role arn:aws:iam::123456789012:role/unet-inference \\
  --image 123456789012.dkr.ecr.eu-central-1.amazonaws.com/unet@sha256:… \\
  --model s3://my-bucket/models/cells.tar.gz"""
HEADINGS = {  # what a request is for
    "create_model": "the model: image, artifact and role",
    "create_endpoint_config": "the config: machines that come and go with the copies",
    "create_endpoint": "the endpoint, which has no model of its own",
    "create_inference_component": "the component: copies of the container with the model",
    "register_scalable_target": "autoscaling, once the component serves: between which limits",
    "put_scaling_policy": "autoscaling: by what",
    "put_metric_alarm": "the alarm that makes the first copy",
    "update_inference_component": "where there is a component, in place of making it",
}


@command(EXAMPLE)
@options.WHAT
@options.COPIES
@options.ENVIRONMENT
@options.DRY_RUN
@click.option("--yes", is_flag=True, help="also what may be costly")
def main(region: str | None, dry_run: bool, form: str, yes: bool, **fields: Any) -> None:
    """Make an endpoint whose copies, and machines, come and go with the requests.

    Without a request for some minutes there is no machine, and nothing costs. A request that comes
    then fails, and wakes it: that takes as long as a machine and the container take to start.
    Running it again with another model replaces the copies one by one.
    """
    options.check_format(form, dry_run)
    component = component_of(fields)
    check(component, yes)
    aws = Aws(region)
    component = dataclasses.replace(component, model=sources.resolve(aws, component.model))
    if dry_run:
        calls, update = component.calls(), component.update_component()
        printing.show(form, calls, update, HEADINGS, in_template=False)
    else:
        deploy(aws, component)


def component_of(fields: dict[str, Any]) -> Component:
    """The component that the values of the options describe."""
    names = {"name", "image", "model_data", "role", "environment", "tags"}
    threads = str(max(1, int(fields["cpus"])))  # others on the machine have the rest
    environment = {"UNET_THREADS": threads} | fields["environment"]
    given = {key: fields[key] for key in names}
    model = Deployment(**(given | {"environment": environment}))
    return Component(model, **{key: fields[key] for key in fields.keys() - names})


def check(component: Component, yes: bool) -> None:
    """Refuse options that do not go together, or that may be costly.

    Raises:
        click.UsageError: they do not.
    """
    choices.check_model(component.model.model_data, multi_model=False)
    if component.max_copies < max(component.min_copies, 1):
        raise click.UsageError("--max-copies is less than --min-copies")
    if component.inference_ami and not machines.has_gpu(component.instance_type):
        raise click.UsageError(
            f"--inference-ami is for GPUs, and {component.instance_type} has none; leave it out"
        )
    costly = machines.is_costly(component.instance_type) or component.max_instances > 4
    if costly and not yes:
        raise click.UsageError(
            f"up to {component.max_instances} of {component.instance_type} may be costly; add "
            "--yes if meant"
        )


def deploy(aws: Aws, component: Component) -> None:
    """Bring endpoint and component to what is wanted.

    Raises:
        click.ClickException: it does not serve; what this run made is removed again.
    """
    before = _settled(aws, component.name)
    known = before.record
    undo: list[Call] = []
    with rollout.removing(lambda: _undo_unless_used(aws, component, before, undo)):
        endpoint = _bring(aws, component, before, undo)
    served = component.model.model_name
    known = record.write(aws, endpoint, known, component.model.tags, serves=served)
    component_rollout.begin_scaling(aws, component, before)
    _prune(aws, component, {name for name in (known.serves, known.before) if name})
    click.echo(f"{component.name} serves {served} in {aws.region}")


def _settled(aws: Aws, name: str) -> Inventory:
    """What exists, once nothing of it changes any more.

    Raises:
        click.ClickException: the endpoint has a model of its own.
    """
    before = rollout.settle(aws, name)
    status = (before.component or {}).get("InferenceComponentStatus")
    if status in component_rollout.CHANGING:
        component_rollout.wait(aws, name)
        before = inventory.take(aws, name)
    if before.config and "ModelName" in inventory.variant_of(aws, before.config):
        raise click.ClickException(
            f"the endpoint {name} has a model of its own, and SageMaker does not change it into "
            "one of inference components; take another --name, or scripts/aws/delete.py this one"
        )
    return before


def _bring(aws: Aws, component: Component, before: Inventory, undo: list[Call]) -> dict[str, Any]:
    """Make what is missing, or is another one; append to ``undo`` what removes it again."""
    sagemaker = aws("sagemaker")
    model, name = component.model.model_name, component.name
    if not or_none(sagemaker.describe_model, ModelName=model):
        component.model.create_model().run(aws)
        undo.append(Call("sagemaker", "delete_model", {"ModelName": model}))
    config = component.config_name
    if config not in before.configs:
        component.create_config().run(aws)
        named = {"EndpointConfigName": config}
        undo.append(Call("sagemaker", "delete_endpoint_config", named))
    endpoint = _endpoint(aws, component, before, undo)
    found = before.component
    if found and found["InferenceComponentStatus"] == "Failed":  # it can only be deleted
        component_rollout.delete(aws, before)
        found = None
    if not found:
        request = component.create_component()
        # also one that has not come up must go
        named = {"InferenceComponentName": name}
        undo.append(Call("sagemaker", "delete_inference_component", named))
        component_rollout.run(aws, request, name, model)
    elif not component_rollout.matches(found, component):
        component_rollout.run(aws, component.update_component(), name, model)
    undo.clear()
    return endpoint


def _endpoint(
    aws: Aws, component: Component, before: Inventory, undo: list[Call]
) -> dict[str, Any]:
    """The endpoint, as described, with the config that is wanted.

    Raises:
        click.ClickException: it is not in service.
    """
    sagemaker, name = aws("sagemaker"), component.name
    if before.status == "Failed":  # it can only be deleted
        sagemaker.delete_endpoint(EndpointName=name)
        inventory.wait(aws, name)
    if before.status in {"gone", "Failed"}:
        component.create_endpoint().run(aws)
        undo.append(Call("sagemaker", "delete_endpoint", {"EndpointName": name}))
    elif before.config != component.config_name:
        parameters = {"EndpointName": name, "EndpointConfigName": component.config_name}
        Call("sagemaker", "update_endpoint", parameters).run(aws)
        # from now on the endpoint has the config, whatever becomes of the copies
        undo[:] = [call for call in undo if call.operation != "delete_endpoint_config"]
    endpoint = inventory.wait(aws, name)
    inventory.check_serves(aws, endpoint, name, component.config_name, [])
    assert endpoint
    return endpoint


def _undo_unless_used(aws: Aws, component: Component, before: Inventory, undo: list[Call]) -> None:
    """Remove what this run made, if no copy that was there before can have it."""
    if before.component:
        name = component.name
        try:
            found = or_none(
                aws("sagemaker").describe_inference_component, InferenceComponentName=name
            )
        except (ClientError, BotoCoreError) as exc:
            click.echo(f"what this run made is left: {explain(exc)}", err=True)
            return
        status = found["InferenceComponentStatus"] if found else "gone"
        serves = found["Specification"].get("ModelName") if found else None
        if status in component_rollout.CHANGING or serves == component.model.model_name:
            return
    rollout.undo(aws, undo)


def _prune(aws: Aws, component: Component, kept: set[str]) -> None:
    """Remove what belongs to other versions than those that serve and served before."""
    now = inventory.take(aws, component.name)
    for config in set(now.configs) - {now.config}:
        aws("sagemaker").delete_endpoint_config(EndpointConfigName=config)
    for model in set(now.models) - kept - {component.model.model_name}:
        aws("sagemaker").delete_model(ModelName=model)


if __name__ == "__main__":
    main()
