"""What exists in AWS for an endpoint, looked up by its name; and waiting for an endpoint."""

import time
from dataclasses import dataclass, field
from typing import Any

import click

from aws.lib.cli import Aws, StatusLine, last_log_lines, or_none, pages
from aws.lib.deployment import is_of, log_group, scaling_target

POLL_SECONDS = 5
CHANGING = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}


@dataclass
class Inventory:
    """What exists for one endpoint.

    Attributes:
        endpoint: as describe_endpoint answers; None: there is none.
        configs: names, newest first.
        models: names, newest first.
        alarms: as describe_alarms answers.
        target: the scalable target, if one is registered.
        policies: names of its scaling policies.
    """

    name: str
    endpoint: dict[str, Any] | None = None
    configs: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    alarms: list[dict[str, Any]] = field(default_factory=list)
    target: dict[str, Any] | None = None
    policies: list[str] = field(default_factory=list)

    @property
    def config(self) -> str | None:
        """The one that the endpoint has."""
        return self.endpoint["EndpointConfigName"] if self.endpoint else None

    @property
    def previous_config(self) -> str | None:
        """The newest other one; deploy.py keeps the one that served before."""
        return next((config for config in self.configs if config != self.config), None)

    def lines(self) -> list[str]:
        """One for each thing."""
        lines = [f"endpoint {self.name}"] if self.endpoint else []
        lines += [f"endpoint config {name}" for name in self.configs]
        lines += [f"model {name}" for name in self.models]
        lines += [f"scaling policy {name}" for name in self.policies]
        if self.target:
            lines.append("autoscaling target")
        return lines + [f"alarm {alarm['AlarmName']}" for alarm in self.alarms]


def take(aws: Aws, name: str) -> Inventory:
    """Look up everything that belongs to an endpoint."""
    sagemaker = aws("sagemaker")
    newest = {"SortBy": "CreationTime", "SortOrder": "Descending", "NameContains": f"{name}-"}
    configs = pages(sagemaker, "list_endpoint_configs", "EndpointConfigs", **newest)
    models = pages(sagemaker, "list_models", "Models", **newest)
    target = scaling_target(name)
    scaling = aws("application-autoscaling")
    targets = scaling.describe_scalable_targets(
        ServiceNamespace=target["ServiceNamespace"], ResourceIds=[target["ResourceId"]]
    )["ScalableTargets"]
    policies = scaling.describe_scaling_policies(
        ServiceNamespace=target["ServiceNamespace"], ResourceId=target["ResourceId"]
    )["ScalingPolicies"]
    names = [f"{name}-{suffix}" for suffix in ("5xx", "latency")]
    return Inventory(
        name,
        or_none(sagemaker.describe_endpoint, EndpointName=name),
        [c["EndpointConfigName"] for c in configs if is_of(name, c["EndpointConfigName"])],
        [m["ModelName"] for m in models if is_of(name, m["ModelName"])],
        aws("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"],
        targets[0] if targets else None,
        [policy["PolicyName"] for policy in policies],
    )


def end_scaling(aws: Aws, existing: Inventory) -> None:
    """Leave the number of instances as it is from now on."""
    scaling, target = aws("application-autoscaling"), scaling_target(existing.name)
    for policy in existing.policies:
        scaling.delete_scaling_policy(PolicyName=policy, **target)
    if existing.target:
        scaling.deregister_scalable_target(**target)


def models_of(aws: Aws, config: str) -> list[str]:
    """The names of the models of a config."""
    description = or_none(aws("sagemaker").describe_endpoint_config, EndpointConfigName=config)
    if not description:
        return []
    return [variant["ModelName"] for variant in description["ProductionVariants"]]


def wait(aws: Aws, name: str) -> dict[str, Any] | None:
    """Wait until an endpoint has settled, with a live status line; None where it is gone."""
    line = StatusLine(name)
    while True:
        endpoint = or_none(aws("sagemaker").describe_endpoint, EndpointName=name)
        line.show(endpoint["EndpointStatus"] if endpoint else "gone")
        if not endpoint or endpoint["EndpointStatus"] not in CHANGING:
            line.end()
            return endpoint
        time.sleep(POLL_SECONDS)


def check_serves(aws: Aws, endpoint: dict[str, Any] | None, name: str, config: str) -> None:
    """Stop with the reason and the last log lines unless the endpoint serves a config.

    Raises:
        click.ClickException: it does not.
    """
    status = endpoint["EndpointStatus"] if endpoint else "gone"
    serving = endpoint["EndpointConfigName"] if endpoint and status == "InService" else None
    if serving == config:
        return
    for text in last_log_lines(aws, log_group(name)):
        click.echo(f"  {text}", err=True)
    reason = (endpoint or {}).get("FailureReason") or "SageMaker gives no reason"
    serves = f"; {serving} serves" if serving else ""
    raise click.ClickException(f"{name} is {status}: {reason}{serves}; see {log_group(name)}")
