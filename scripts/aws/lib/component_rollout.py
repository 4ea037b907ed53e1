"""Making and changing an inference component, by deploy_component.py, rollback.py and delete.py."""

import time
from typing import Any

import click

from aws.lib import inventory, logs
from aws.lib.calls import Call
from aws.lib.cli import Aws, or_none
from aws.lib.component import Component, update
from aws.lib.errors import with_remedy
from aws.lib.inventory import Inventory

CHANGING = {"Creating", "Updating", "Deleting"}


def wait(aws: Aws, name: str) -> dict[str, Any] | None:
    """Wait until a component has settled, with a live status line; None where it is gone."""
    describe = aws("sagemaker").describe_inference_component
    with inventory.status_line(name, f"{name}, inference component") as line:
        while True:
            found = or_none(describe, InferenceComponentName=name)
            line.show(found["InferenceComponentStatus"] if found else "gone")
            if not found or found["InferenceComponentStatus"] not in CHANGING:
                line.end()
                return found
            time.sleep(inventory.POLL_SECONDS)


def run(aws: Aws, request: Call, name: str, model: str) -> None:
    """Send a request that makes or changes a component, and wait until a model is served by it.

    Raises:
        click.ClickException: it is not; the last log lines of the copy are shown.
    """
    group = logs.of_component(name)
    seen = logs.streams(aws, group)
    request.run(aws)
    found = wait(aws, name)
    status = found["InferenceComponentStatus"] if found else "gone"
    served = found["Specification"].get("ModelName") if found else None
    if status == "InService" and served == model:
        return
    for stream in [stream for stream in logs.streams(aws, group) if stream not in seen][:1]:
        for text in logs.last_lines(aws, group, stream):
            click.echo(f"  {text}", err=True)
    reason = (found or {}).get("FailureReason") or "SageMaker gives no reason"
    what = f"{name} does not serve {model}: {reason}"
    if status == "InService":
        what += f" ({served} serves, as before)"
    raise click.ClickException(f"{with_remedy(what)}; see {group}")


def matches(found: dict[str, Any], wanted: Component) -> bool:
    """Whether a component, as it is described, is what is wanted."""
    there = found["Specification"]
    return all(there.get(key) == value for key, value in wanted.specification.items())


def delete(aws: Aws, existing: Inventory) -> None:
    """Delete the component of an endpoint, if there is one, once nothing changes it; and wait."""
    found = existing.component
    if found and found["InferenceComponentStatus"] in CHANGING:
        found = wait(aws, existing.name)
    if found:
        aws("sagemaker").delete_inference_component(InferenceComponentName=existing.name)
        wait(aws, existing.name)


def begin_scaling(aws: Aws, component: Component, before: Inventory) -> None:
    """Scale a component as is wanted, and no longer as it was."""
    calls = component.scaling.calls(component.name)
    inventory.begin_scaling(aws, component.name, calls, component.model.all_tags)
    names = tuple(call.parameters.get("PolicyName", "") for call in calls)
    existing = inventory.take(aws, component.name) if before.component else before
    inventory.end_scaling(aws, existing, kept=names)


def rollback(aws: Aws, existing: Inventory, model: str) -> None:
    """Let the copies of a component serve another model.

    Raises:
        click.ClickException: it is not there any more, or does not serve.
    """
    assert existing.component
    if model not in existing.models:
        raise click.ClickException(
            f"there is nothing to go back to: the model {model} is not there any more; it has "
            f"{', '.join(existing.models)}"
        )
    described = existing.component["Specification"]
    kept = {
        key: described[key]
        for key in ("StartupParameters", "ComputeResourceRequirements")
        if described.get(key)
    }
    run(aws, update(existing.name, {"ModelName": model} | kept), existing.name, model)
