#!/usr/bin/env python3
"""Show what exists of an endpoint: its state, versions, scaling, alarms, and what it costs."""

import json
from typing import Any

import in_venv as in_venv

import click
from botocore.exceptions import BotoCoreError, ClientError

from aws.lib import inventory
from aws.lib.cli import Aws, command, endpoint_name, pages
from aws.lib.scaling import COPIES, INSTANCES, PROVISIONED

SCALED = {INSTANCES: "instances", PROVISIONED: "provisioned requests", COPIES: "copies"}
PRICE_REGION = "us-east-1"  # where the price list is served


@command("scripts/aws/status.py cells")
@click.argument("name", required=False, callback=endpoint_name)
def main(name, region):
    """Show the endpoint NAME; without a name, list all endpoints."""
    aws = Aws(region)
    if not name:
        show_all(aws)
        return
    existing = inventory.take(aws, name)
    if not existing.lines():
        raise click.ClickException(f"there is nothing of {name} in {aws.region}")
    if existing.endpoint:
        show_endpoint(aws, existing)
    else:
        click.echo(f"{name:14} there is no endpoint")
    if existing.component:
        show_component(existing, existing.component)
    for config in [] if existing.component else existing.configs:
        models = ", ".join(inventory.models_of(aws, config))
        click.echo(f"config         {config} ({mark(existing, config)}): {models}")
    for alarm in existing.alarms:
        click.echo(f"alarm          {alarm['AlarmName']}: {alarm.get('StateValue', 'unknown')}")


def show_component(existing: inventory.Inventory, component: dict[str, Any]) -> None:
    """Print the state of an inference component, and what each model is to it."""
    copies = component.get("RuntimeConfig", {})
    now, wanted = copies.get("CurrentCopyCount", 0), copies.get("DesiredCopyCount", 0)
    status = component["InferenceComponentStatus"]
    click.echo(f"component      {existing.name}: {status}, {now} copies, {wanted} wanted")
    serves, known = component["Specification"].get("ModelName"), existing.record
    before = known.before if serves == known.serves else known.serves
    for model in existing.models:
        what = "serves" if model == serves else "kept"
        if model == before and model != serves:
            what = "served before; scripts/aws/rollback.py goes back to it"
        click.echo(f"model          {model} ({what})")


def mark(existing: inventory.Inventory, config: str) -> str:
    """What a config is to its endpoint."""
    if config == existing.config:
        return "serves" if existing.status == "InService" else existing.status
    if existing.endpoint and config == existing.record.back_to(existing.endpoint):
        return "served before; scripts/aws/rollback.py goes back to it"
    return "kept" if config == existing.record.before else "was not seen to serve"


def show_all(aws: Aws) -> None:
    """Print a line for each endpoint of the region."""
    endpoints = pages(aws("sagemaker"), "list_endpoints", "Endpoints")
    for endpoint in endpoints:
        changed = endpoint["LastModifiedTime"].isoformat(" ", "seconds")
        click.echo(f"{endpoint['EndpointName']:32} {endpoint['EndpointStatus']:12} {changed}")
    if not endpoints:
        click.echo(f"there is no endpoint in {aws.region}")


def show_endpoint(aws: Aws, existing: inventory.Inventory) -> None:
    """Print the state of an endpoint, its variants with their prices, and its scaling."""
    endpoint = existing.endpoint or {}
    click.echo(f"{existing.name:14} {endpoint['EndpointStatus']}, {existing.config}")
    if endpoint.get("FailureReason"):
        click.echo(f"reason         {endpoint['FailureReason']}")
    config = aws("sagemaker").describe_endpoint_config(EndpointConfigName=existing.config)
    now = {v["VariantName"]: v for v in endpoint.get("ProductionVariants", [])}
    for variant in config["ProductionVariants"]:
        click.echo(f"variant        {describe(aws, variant, now.get(variant['VariantName'], {}))}")
    if not (existing.record.before or existing.record.back_to(endpoint)):
        click.echo("rollback       there is nothing to go back to")
    for target in existing.targets:
        low, high = target["MinCapacity"], target["MaxCapacity"]
        what = SCALED[target["ScalableDimension"]]
        by = ", ".join(policy["PolicyName"] for policy in existing.policies)
        click.echo(f"autoscaling    {low} to {high} {what}, by {by}")


def describe(aws: Aws, variant: dict[str, Any], now: dict[str, Any]) -> str:
    """One line about a variant, with its price where that can be known."""
    serverless = variant.get("ServerlessConfig")
    if serverless:
        warm = serverless.get("ProvisionedConcurrency")
        costs = f"{warm} of them warm, which cost by the hour, too" if warm else "costs by use"
        return (f"{variant['VariantName']}: serverless, {serverless['MemorySizeInMB']} MB, up to "
                f"{serverless['MaxConcurrency']} at once; {costs}")  # fmt: skip
    kind = variant["InstanceType"]
    count = now.get("CurrentInstanceCount", variant["InitialInstanceCount"])  # asynchronous: or 0
    price = price_per_hour(aws, kind)
    cost = f"{count * price:.3f} USD an hour" if price is not None else "cost unknown"
    return f"{variant['VariantName']}: {count} × {kind}; {cost}"


def price_per_hour(aws: Aws, instance_type: str) -> float | None:
    """What one instance costs in this region, by AWS's price list; None: it does not say."""
    wanted = {"regionCode": aws.region, "instanceName": instance_type, "component": "Hosting"}
    filters = [{"Type": "TERM_MATCH", "Field": f, "Value": v} for f, v in wanted.items()]
    try:
        pricing = Aws(PRICE_REGION)("pricing")
        answer = pricing.get_products(ServiceCode="AmazonSageMaker", Filters=filters, MaxResults=1)
        [offer, *_] = json.loads(answer["PriceList"][0])["terms"]["OnDemand"].values()
        [dimension, *_] = offer["priceDimensions"].values()
        return float(dimension["pricePerUnit"]["USD"])
    except (ClientError, BotoCoreError, LookupError, ValueError):
        return None


if __name__ == "__main__":
    main()
