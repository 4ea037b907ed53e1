"""Changing an endpoint from one config to another, by deploy.py and by rollback.py."""

from collections.abc import Callable
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from aws.lib import inventory, logs, scaling
from aws.lib.calls import Call
from aws.lib.cli import Aws
from aws.lib.errors import explain
from aws.lib.inventory import Inventory
from aws.lib.names import TAG

SERVERLESS = "serverless"


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
    aws: Aws, before: Inventory, config: str, request: Callable[[], object], released: bool
) -> dict[str, Any]:
    """Send the request that creates or changes an endpoint, and wait until its config serves.

    Args:
        before: what there was.
        request: sends it.
        released: autoscaling is ended for the time of it, because the machine changes: SageMaker
            refuses an update of the instance type of what is scaled.

    Returns:
        The endpoint, as described.

    Raises:
        click.ClickException: the config does not serve; autoscaling is as it was.
        ClientError, BotoCoreError: the request was refused; autoscaling is as it was.
    """
    seen = logs.streams(aws, logs.of_endpoint(before.name))
    if released:
        inventory.end_scaling(aws, before)
    try:
        request()
        endpoint = inventory.wait(aws, before.name)
        inventory.check_serves(aws, endpoint, before.name, config, seen)
    except (click.ClickException, ClientError, BotoCoreError):
        if released:
            restore_scaling(aws, before)
        raise
    except KeyboardInterrupt:
        if released:
            click.echo(f"autoscaling of {before.name} is ended; {_anew(before)}", err=True)
        raise
    assert endpoint
    return endpoint


def restore_scaling(aws: Aws, before: Inventory) -> None:
    """Begin the scaling again that there was; where that is refused, say what it was."""
    for registered in before.targets:
        try:
            calls = scaling.again(registered, before.policies)
            inventory.begin_scaling(aws, before.name, calls, {TAG: before.name})
        except (ClientError, BotoCoreError) as exc:
            click.echo(
                f"autoscaling of {before.name} was ended, and could not be begun again: "
                f"{explain(exc)}; {_anew(before)}",
                err=True,
            )


def _anew(before: Inventory) -> str:
    """How to begin a scaling again by hand."""
    low, high = before.targets[0]["MinCapacity"], before.targets[0]["MaxCapacity"]
    return f"it went from {low} to {high}: run scripts/aws/deploy.py with --max-instances {high}"


def undo(aws: Aws, calls: list[Call]) -> None:
    """Run the calls that remove what was made, the last one first; say what is left."""
    for call in reversed(calls):
        try:
            call.run(aws)
        except (ClientError, BotoCoreError) as exc:
            click.echo(f"left behind: {explain(exc)}; scripts/aws/delete.py removes it", err=True)
