#!/usr/bin/env python3
"""The models of a multi-model endpoint: add, replace, list and remove them, by names."""

import in_venv as in_venv

import click

from aws.lib import inventory, many
from aws.lib.cli import Aws, command, s3_location
from aws.lib.many import Models

STALE = (
    "an instance that has loaded it goes on answering until it needs the memory: let clients ask "
    "for another one"
)


@click.group()
def main():
    """The models of a multi-model endpoint, by names that people remember.

    NAME is "cells", and its versions are the objects cells-1.tar.gz, cells-2.tar.gz, …, which are
    what invoke.py --target-model takes. SageMaker keeps what it has loaded by its object's name,
    and does not look at it again: a version is never written twice, a replacement is a new one.
    """


def where(function):
    """The options that say which prefix in S3."""
    endpoint = click.option("--endpoint", help="whose models these are")
    place = click.option("--models", metavar="S3_PREFIX", help="where they are, if there is none")
    return endpoint(place(function))


def models_of(aws: Aws, endpoint: str | None, place: str | None) -> Models:
    """The models of an endpoint, or below a prefix.

    Raises:
        click.UsageError: neither is given, or both.
        click.ClickException: the endpoint is not there, or has one model.
    """
    if bool(endpoint) == bool(place):
        raise click.UsageError("give either --endpoint or --models")
    if place:
        return Models(aws, *s3_location(place))
    config = inventory.take(aws, endpoint or "").config
    if not config:
        raise click.ClickException(f"there is no endpoint {endpoint} in {aws.region}")
    [model] = inventory.models_of(aws, config) or [""]
    container = aws("sagemaker").describe_model(ModelName=model)["PrimaryContainer"]
    if container.get("Mode") != "MultiModel":
        raise click.ClickException(
            f"{endpoint} has one model; scripts/aws/deploy.py --multi-model makes one of many"
        )
    return Models(aws, *s3_location(container["ModelDataUrl"]))


@command("scripts/aws/models.py add cells model.tar.gz --endpoint many")
@click.argument("name", callback=many.name_of_model)
@click.argument("artifact")
@where
def add(region, name, artifact, endpoint, models):
    """Add ARTIFACT, a file or s3://…/model.tar.gz, as the first version of NAME."""
    found = models_of(Aws(region), endpoint, models)
    if found.versions(name):
        raise click.ClickException(
            f"there is a {name}: {found.versions(name)[-1].key}; `replace` adds a newer version"
        )
    click.echo(found.put(name, artifact).key)


@command("scripts/aws/models.py replace cells model.tar.gz --endpoint many")
@click.argument("name", callback=many.name_of_model)
@click.argument("artifact")
@where
def replace(region, name, artifact, endpoint, models):
    """Add ARTIFACT as the next version of NAME; those before it stay until `remove --older`."""
    found = models_of(Aws(region), endpoint, models)
    if not found.versions(name):
        raise click.ClickException(f"there is no {name} yet; `add` adds it")
    click.echo(found.put(name, artifact).key)


@command("scripts/aws/models.py newest cells --endpoint many")
@click.argument("name", callback=many.name_of_model)
@where
def newest(region, name, endpoint, models):
    """Print the newest version of NAME, as --target-model of invoke.py takes it."""
    versions = models_of(Aws(region), endpoint, models).versions(name)
    if not versions:
        raise click.ClickException(f"there is no {name}; `list` shows what there is")
    click.echo(versions[-1].key)


@command("scripts/aws/models.py list --endpoint many")
@where
def show(region, endpoint, models):
    """List the models and their versions."""
    found = models_of(Aws(region), endpoint, models)
    for version in found.all():
        since = version.since.isoformat(" ", "seconds")
        click.echo(f"{version.key:40} {version.size:12,} bytes  {since}")
    if not found.all():
        click.echo(f"there is no model below {found.place}")


@command("scripts/aws/models.py remove cells --older --endpoint many")
@click.argument("name", callback=many.name_of_model)
@click.option("--older", is_flag=True, help="all versions but the newest")
@click.option("--yes", is_flag=True, help="do not ask")
@where
def remove(region, name, older, yes, endpoint, models):
    """Remove all versions of NAME, or the older ones."""
    found = models_of(Aws(region), endpoint, models)
    versions = found.versions(name)
    going = versions[:-1] if older else versions
    if not going:
        what = "no older version of" if older and versions else "no"
        raise click.ClickException(f"there is {what} {name}; `list` shows what there is")
    click.echo("\n".join(version.key for version in going))
    if not yes:
        click.confirm("Delete all of this?", abort=True)
    found.delete(name, going)
    click.echo(f"removed; {STALE}", err=True)


for named, subcommand in (
    ("add", add),
    ("replace", replace),
    ("newest", newest),
    ("list", show),
    ("remove", remove),
):
    main.add_command(subcommand, named)

if __name__ == "__main__":
    main()
