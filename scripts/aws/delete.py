#!/usr/bin/env python3
"""Delete an endpoint and all that belongs to it, so that nothing costs any more."""

import in_venv as in_venv

import click

from aws.lib import component_rollout, inventory
from aws.lib.cli import Aws, command, endpoint_name, or_none, pages, s3_location
from aws.lib.logs import of_component, of_endpoint


@command("scripts/aws/delete.py cells --artifacts s3://my-bucket/models/ --images unet-inference")
@click.argument("name", callback=endpoint_name)
@click.option("--artifacts", metavar="S3_PREFIX", help="also delete every object below this prefix")
@click.option("--images", metavar="REPOSITORY", help="also delete this repository of ECR, whole")
@click.option("--logs", is_flag=True, help="also delete the endpoint's log group")
@click.option("--yes", is_flag=True, help="do not ask")
def main(name, region, artifacts, images, logs, yes):
    """Delete the endpoint NAME, its configs, models, autoscaling and alarms; ask first."""
    aws = Aws(region)
    existing = inventory.take(aws, name)
    keys = objects(aws, artifacts) if artifacts else []
    repository = images if images and has_repository(aws, images) else None
    groups = [g for g in (of_endpoint(name), of_component(name)) if logs and has_log_group(aws, g)]
    lines = existing.lines() + [f"object s3://{s3_location(artifacts)[0]}/{key}" for key in keys]
    if repository:
        lines.append(f"repository {repository} with all its images")
    lines += [f"log group {group}" for group in groups]
    if not lines:
        click.echo(f"there is nothing of {name}")
        return
    click.echo("\n".join(lines))
    if not yes:
        click.confirm("Delete all of this?", abort=True)
    delete(aws, existing)
    delete_objects(aws, artifacts, keys)
    if repository:
        aws("ecr").delete_repository(repositoryName=repository, force=True)
    for group in groups:
        aws("logs").delete_log_group(logGroupName=group)
    left = inventory.take(aws, name).lines()
    if left:
        raise click.ClickException(f"still there: {', '.join(left)}; run this again")
    click.echo(f"deleted; of {name} nothing is left in {aws.region}")


def delete(aws: Aws, existing: inventory.Inventory) -> None:
    """Delete what an inventory holds, what costs most first."""
    sagemaker = aws("sagemaker")
    inventory.end_scaling(aws, existing)  # before the endpoint: nobody scales what goes
    component_rollout.delete(aws, existing)
    endpoint = existing.endpoint
    if existing.status in inventory.CHANGING:  # SageMaker does not delete what is being changed
        endpoint = inventory.wait(aws, existing.name)
    if endpoint:
        sagemaker.delete_endpoint(EndpointName=existing.name)
        inventory.wait(aws, existing.name)
    for config in existing.configs:
        sagemaker.delete_endpoint_config(EndpointConfigName=config)
    for model in existing.models:
        sagemaker.delete_model(ModelName=model)
    alarms = [name for config in existing.configs for name in existing.alarms_on(config)]
    alarms += sorted(existing.orphaned_alarms)
    if alarms:  # the one that wakes has gone with the autoscaling
        aws("cloudwatch").delete_alarms(AlarmNames=alarms)


def objects(aws: Aws, prefix: str) -> list[str]:
    """The keys of the objects below a prefix.

    Raises:
        click.BadParameter: the prefix would be a whole bucket.
    """
    bucket, key = s3_location(prefix)
    if not key:
        raise click.BadParameter(f"{prefix} is a whole bucket; name a prefix in it")
    listing = pages(aws("s3"), "list_objects_v2", "Contents", Bucket=bucket, Prefix=key)
    return [item["Key"] for item in listing]


def delete_objects(aws: Aws, prefix: str | None, keys: list[str]) -> None:
    for key in keys:
        aws("s3").delete_object(Bucket=s3_location(prefix or "")[0], Key=key)


def has_repository(aws: Aws, name: str) -> bool:
    return bool(or_none(aws("ecr").describe_repositories, repositoryNames=[name]))


def has_log_group(aws: Aws, name: str) -> bool:
    groups = aws("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return any(group["logGroupName"] == name for group in groups)


if __name__ == "__main__":
    main()
