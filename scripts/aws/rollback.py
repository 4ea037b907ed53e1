#!/usr/bin/env python3
"""Bring an endpoint back to the configuration that served before the current one."""

import click

from aws.lib import inventory
from aws.lib.cli import Aws, command


@command("scripts/aws/rollback.py cells")
@click.argument("name")
def main(name, region):
    """Update the endpoint NAME to its previous config; once more brings the newer one back."""
    rollback(Aws(region), name)


def rollback(aws: Aws, name: str) -> None:
    """Update an endpoint to its previous config, all at once, and wait.

    Raises:
        click.ClickException: there is no endpoint, no previous config, or it does not serve.
    """
    existing = inventory.take(aws, name)
    if not existing.endpoint:
        raise click.ClickException(
            f"there is no endpoint {name}; make one with scripts/aws/deploy.py"
        )
    previous = existing.previous_config
    if not previous:
        raise click.ClickException(
            f"{name} has had one configuration only, {existing.config}; deploy another one first"
        )
    click.echo(f"{name}: {existing.config} -> {previous}", err=True)
    aws("sagemaker").update_endpoint(EndpointName=name, EndpointConfigName=previous)
    inventory.check_serves(aws, inventory.wait(aws, name), name, previous)
    click.echo(f"{name} serves {previous} in {aws.region}")


if __name__ == "__main__":
    main()
