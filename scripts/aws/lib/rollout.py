"""Changing an endpoint from one config to another, by deploy.py and by rollback.py."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from aws.lib import component_rollout, inventory, logs, record, scaling
from aws.lib.calls import Call
from aws.lib.cli import Aws
from aws.lib.errors import explain
from aws.lib.inventory import Inventory
from aws.lib.names import TAG

SERVERLESS = "serverless"
Machines = tuple[str, str]  # of the version that serves, and of the one that is to serve


def machine(variant: dict[str, Any]) -> str:
    """The instance type of a variant, or that it has none."""
    return SERVERLESS if "ServerlessConfig" in variant else variant.get("InstanceType", "")


def settle(aws: Aws, name: str) -> Inventory:
    """What exists of an endpoint, once no change of it is under way any more."""
    existing = inventory.take(aws, name)
    if existing.status in inventory.CHANGING:
        click.echo(f"{name} is being changed already; waiting for that", err=True)
        inventory.wait(aws, name)
        existing = inventory.take(aws, name)
    return existing


def check_kinds(name: str, old: str, new: str) -> None:
    """Stop where SageMaker does not change one kind of endpoint into the other.

    Args:
        old, new: the machines of the config that serves, and of the one that is to serve.

    Raises:
        click.ClickException: from instances to serverless there is no way.
    """
    if old and old != SERVERLESS and new == SERVERLESS:
        raise click.ClickException(
            f"{name} has instances; SageMaker does not change such an endpoint into a serverless "
            "one; take another --name, or scripts/aws/delete.py this one first"
        )
    if old == SERVERLESS and new != SERVERLESS:
        click.echo(
            f"warning: {name} is serverless; from instances there is no way back to that", err=True
        )


def run(
    aws: Aws, before: Inventory, config: str, request: Callable[[], object], machines: Machines
) -> dict[str, Any]:
    """Send the request that creates or changes an endpoint, wait until its config serves, and write
    that down.

    Args:
        before: what there was; its record is brought up to date.
        request: sends it.
        machines: before it, and after it.

    Returns:
        The endpoint, as described.

    Raises:
        click.ClickException: the config does not serve, or autoscaling could not be begun again.
        ClientError, BotoCoreError: the request was refused.
    """
    seen = logs.streams(aws, logs.of_endpoint(before.name))
    with _without_scaling(aws, before, machines):
        request()
        endpoint = inventory.wait(aws, before.name)
        inventory.check_serves(aws, endpoint, before.name, config, seen)
        assert endpoint
        before.record = record.write(aws, endpoint, before.record)
    return endpoint


@contextmanager
def _without_scaling(aws: Aws, before: Inventory, machines: Machines) -> Iterator[None]:
    """End autoscaling for the time of an update to another machine, and begin it again as it was:
    SageMaker does not change the instance type of what is scaled.

    What is begun after the update is lost if anything comes between: this is done at once.

    Raises:
        click.ClickException: it could not be begun again.
    """
    old, new = machines
    if not before.targets or old == new:
        yield
        return
    try:
        inventory.end_scaling(aws, before)
        yield
        lost = "" if SERVERLESS in machines else restore_scaling(aws, before)
    except (click.ClickException, ClientError, BotoCoreError):
        text = restore_scaling(aws, before)
        if text:
            click.echo(text, err=True)
        raise
    except KeyboardInterrupt:
        click.echo(f"autoscaling of {before.name} is ended; {_anew(before)}", err=True)
        raise
    if lost:
        raise click.ClickException(lost)


def restore_scaling(aws: Aws, before: Inventory) -> str:
    """Begin the scaling again that there was; what it was, where that is refused, or else ""."""
    try:
        for registered in before.targets:
            calls = scaling.again(registered, before.policies)
            inventory.begin_scaling(aws, before.name, calls, {TAG: before.name})
    except (ClientError, BotoCoreError) as exc:
        return (
            f"autoscaling of {before.name} was ended, and could not be begun again: "
            f"{explain(exc)}; {_anew(before)}"
        )
    return ""


def _anew(before: Inventory) -> str:
    """How to begin a scaling again by hand."""
    low, high = before.targets[0]["MinCapacity"], before.targets[0]["MaxCapacity"]
    return f"it went from {low} to {high}: run scripts/aws/deploy.py with --max-instances {high}"


@contextmanager
def removing(remove: Callable[[], None]) -> Iterator[None]:
    """Call ``remove`` where what is done within fails, or is refused.

    Raises:
        click.ClickException: it was.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as exc:
        remove()
        raise click.ClickException(explain(exc)) from exc
    except click.ClickException:
        remove()
        raise


def undo(aws: Aws, calls: list[Call]) -> None:
    """Run the calls that remove what was made, the last one first, each after the other's end; say
    what is left.
    """
    for call in reversed(calls):
        try:
            call.run(aws)
            if call.operation == "delete_inference_component":
                component_rollout.wait(aws, call.parameters["InferenceComponentName"])
            elif call.operation == "delete_endpoint":
                inventory.wait(aws, call.parameters["EndpointName"])
        except (ClientError, BotoCoreError) as exc:
            click.echo(f"left behind: {explain(exc)}; scripts/aws/delete.py removes it", err=True)
