#!/usr/bin/env python3
"""Bring an endpoint back to the configuration that served before the current one."""

import in_venv as in_venv

import click

from aws.lib import alarms, component_rollout, inventory, record, rollout
from aws.lib.cli import Aws, command, endpoint_name
from aws.lib.deployment import Deployment, update
from aws.lib.inventory import Inventory


@command("scripts/aws/rollback.py cells")
@click.argument("name", callback=endpoint_name)
@click.option("--to", "wanted", metavar="CONFIG", help="back to this one; status.py lists them")
@click.option("--no-alarms", is_flag=True, help="nothing may undo the rollback")
def main(name, region, wanted, no_alarms):
    """Update the endpoint NAME to what served before; once more brings the newer one back.

    What served is written on the endpoint by scripts/aws/deploy.py, and shown by
    scripts/aws/status.py. The number of instances stays, autoscaling goes on, and the alarms of
    that version watch.
    """
    rollback(Aws(region), name, wanted, no_alarms)


def rollback(aws: Aws, name: str, wanted: str | None = None, no_alarms: bool = False) -> None:
    """Update an endpoint to its previous config, all at once, and wait.

    Raises:
        click.ClickException: there is no endpoint, nothing to go back to, or it does not serve.
    """
    before = rollout.settle(aws, name)
    if not before.endpoint or before.status == "Failed":
        what = "failed, and can only be made anew" if before.endpoint else "is not there"
        raise click.ClickException(f"the endpoint {name} {what}: scripts/aws/deploy.py makes one")
    if before.component:
        rollback_component(aws, before, wanted)
        return
    target = wanted or before.record.back_to(before.endpoint)
    config = _existing(before, target)
    versions = (before.endpoint["EndpointConfigName"], config)
    old, new = (rollout.machine(inventory.variant_of(aws, version)) for version in versions)
    rollout.check_kinds(name, old, new)
    click.echo(f"{name}: {before.config} -> {config}", err=True)
    watching = [] if no_alarms else _alarms(before, config)
    if not watching and not no_alarms:
        click.echo(f"warning: no alarm watches {config}", err=True)
    how = None
    if new != rollout.SERVERLESS:
        how = alarms.deployment_config(Deployment.strategy, watching)
    request = update(name, config, rollout.SERVERLESS not in (old, new), how)
    rollout.run(aws, before, config, lambda: request.run(aws), (old, new))
    click.echo(f"{name} serves {config} in {aws.region}")


def rollback_component(aws: Aws, before: Inventory, wanted: str | None) -> None:
    """Let the copies of an inference component serve the model that was served before.

    Raises:
        click.ClickException: there is nothing to go back to, or it does not serve.
    """
    assert before.endpoint
    assert before.component
    now, known = before.component["Specification"].get("ModelName"), before.record
    target = wanted or (known.before if now == known.serves else known.serves)
    if not target:
        raise click.ClickException(
            f"there is nothing to go back to: nothing is recorded that served {before.name} before "
            f"{now}; --to takes one of {', '.join(before.models)}"
        )
    click.echo(f"{before.name}: {now} -> {target}", err=True)
    component_rollout.rollback(aws, before, target)
    record.write(aws, before.endpoint, known, serves=target)
    click.echo(f"{before.name} serves {target} in {aws.region}")


def _existing(before: Inventory, target: str | None) -> str:
    """The config to go back to, if there is one.

    Raises:
        click.ClickException: there is none.
    """
    others = [config for config in before.configs if config != before.config]
    choice = f"; --to takes one of {', '.join(others)}" if others else "; deploy another one first"
    if not target:
        raise click.ClickException(
            f"there is nothing to go back to: nothing is recorded that served {before.name} before "
            f"{before.config}{choice}"
        )
    if target == before.config and before.status == "InService":
        raise click.ClickException(f"{before.name} serves {target} already{choice}")
    if target not in before.configs:
        raise click.ClickException(
            f"there is nothing to go back to: the config {target} is not there any more{choice}"
        )
    return target


def _alarms(before: Inventory, config: str) -> list[str]:
    """The alarms on a version, and those of the user that watched the last update."""
    last = (before.endpoint or {}).get("LastDeploymentConfig") or {}
    watched = (last.get("AutoRollbackConfiguration") or {}).get("Alarms") or []
    names = [alarm["AlarmName"] for alarm in watched]
    own = [name for name in names if not alarms.is_of_version(before.name, name)]
    return [*before.alarms_on(config), *own]


if __name__ == "__main__":
    main()
