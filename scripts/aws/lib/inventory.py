"""What exists in AWS for an endpoint, looked up by its name; and waiting for an endpoint."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import click

from aws.lib import alarms, logs, record, scaling
from aws.lib.cli import Aws, StatusLine, or_none, pages
from aws.lib.errors import with_remedy
from aws.lib.names import is_of
from aws.lib.record import Record

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
        targets: the scalable targets that are registered, as they are described.
        policies: their scaling policies, as they are described.
        component: its inference component, as it is described; None: there is none.
        record: what the endpoint was seen to serve.
    """

    name: str
    endpoint: dict[str, Any] | None = None
    configs: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    alarms: list[dict[str, Any]] = field(default_factory=list)
    targets: list[dict[str, Any]] = field(default_factory=list)
    policies: list[dict[str, Any]] = field(default_factory=list)
    component: dict[str, Any] | None = None
    record: Record = field(default_factory=lambda: Record(None, None, {}))

    @property
    def config(self) -> str | None:
        """The one that the endpoint has."""
        return self.endpoint["EndpointConfigName"] if self.endpoint else None

    @property
    def status(self) -> str:
        return self.endpoint["EndpointStatus"] if self.endpoint else "gone"

    def alarms_on(self, config: str) -> list[str]:
        """The names of the alarms on one version."""
        names = [alarm["AlarmName"] for alarm in self.alarms]
        return [name for name in names if name.startswith(f"{config}-")]

    @property
    def orphaned_alarms(self) -> list[str]:
        """The names of the alarms on versions that are not there any more."""
        known = {name for config in self.configs for name in self.alarms_on(config)}
        names = [alarm["AlarmName"] for alarm in self.alarms]
        return [n for n in names if n not in known and n != scaling.wake_alarm_name(self.name)]

    def lines(self) -> list[str]:
        """One for each thing."""
        lines = [f"endpoint {self.name}"] if self.endpoint else []
        lines += [f"inference component {self.name}"] if self.component else []
        lines += [f"endpoint config {name}" for name in self.configs]
        lines += [f"model {name}" for name in self.models]
        lines += [f"scaling policy {policy['PolicyName']}" for policy in self.policies]
        lines += ["autoscaling target" for _ in self.targets]
        return lines + [f"alarm {alarm['AlarmName']}" for alarm in self.alarms]


def take(aws: Aws, name: str) -> Inventory:
    """Look up everything that belongs to an endpoint."""
    sagemaker, autoscaling = aws("sagemaker"), aws(scaling.SERVICE)
    newest = {"SortBy": "CreationTime", "SortOrder": "Descending", "NameContains": f"{name}-"}
    configs = pages(sagemaker, "list_endpoint_configs", "EndpointConfigs", **newest)
    models = pages(sagemaker, "list_models", "Models", **newest)
    component = or_none(sagemaker.describe_inference_component, InferenceComponentName=name)
    resource = scaling.target(name, scaling.COPIES if component else scaling.INSTANCES)
    targets = autoscaling.describe_scalable_targets(
        ServiceNamespace=resource["ServiceNamespace"], ResourceIds=[resource["ResourceId"]]
    )["ScalableTargets"]
    policies = autoscaling.describe_scaling_policies(
        ServiceNamespace=resource["ServiceNamespace"], ResourceId=resource["ResourceId"]
    )["ScalingPolicies"]
    endpoint = or_none(sagemaker.describe_endpoint, EndpointName=name)
    return Inventory(
        name,
        endpoint,
        [c["EndpointConfigName"] for c in configs if is_of(name, c["EndpointConfigName"])],
        [m["ModelName"] for m in models if is_of(name, m["ModelName"])],
        _alarms(aws, name),
        targets,
        policies,
        component,
        record.read(aws, endpoint),
    )


def _alarms(aws: Aws, name: str) -> list[dict[str, Any]]:
    begun = pages(aws("cloudwatch"), "describe_alarms", "MetricAlarms", AlarmNamePrefix=f"{name}-")
    return [
        alarm
        for alarm in begun
        if alarms.is_of_version(name, alarm["AlarmName"])
        or alarm["AlarmName"] == scaling.wake_alarm_name(name)
    ]


def begin_scaling(aws: Aws, name: str, calls: list, tags: dict[str, str]) -> None:
    """Send the requests that begin a scaling, and make the alarm that wakes, if it has one."""
    for call in calls:
        answer = call.run(aws)
        if call.parameters.get("PolicyType") == "StepScaling":
            what = call.parameters["ScalableDimension"]
            scaling.wake_alarm(name, answer["PolicyARN"], tags, what).run(aws)


def end_scaling(aws: Aws, existing: Inventory, kept: tuple[str, ...] = ()) -> None:
    """Leave the number of instances as it is from now on.

    Args:
        kept: names of policies that stay, and with them what they scale.
    """
    autoscaling = aws(scaling.SERVICE)
    for policy in existing.policies:
        if policy["PolicyName"] not in kept:
            resource = scaling.target(existing.name, policy["ScalableDimension"])
            autoscaling.delete_scaling_policy(PolicyName=policy["PolicyName"], **resource)
    wake = scaling.wake_alarm_name(existing.name)
    if wake not in kept and any(alarm["AlarmName"] == wake for alarm in existing.alarms):
        aws("cloudwatch").delete_alarms(AlarmNames=[wake])
    if not kept:
        for registered in existing.targets:
            resource = scaling.target(existing.name, registered["ScalableDimension"])
            autoscaling.deregister_scalable_target(**resource)


def variant_of(aws: Aws, config: str) -> dict[str, Any]:
    """The variant of a config, as it is described; {} where there is no such config."""
    description = or_none(aws("sagemaker").describe_endpoint_config, EndpointConfigName=config)
    return description["ProductionVariants"][0] if description else {}


def models_of(aws: Aws, config: str) -> list[str]:
    """The names of the models of a config; none of one for inference components."""
    variant = variant_of(aws, config)
    return [variant["ModelName"]] if "ModelName" in variant else []


def wait(aws: Aws, name: str) -> dict[str, Any] | None:
    """Wait until an endpoint has settled, with a live status line; None where it is gone."""
    with status_line(name, name) as line:
        while True:
            endpoint = or_none(aws("sagemaker").describe_endpoint, EndpointName=name)
            line.show(endpoint["EndpointStatus"] if endpoint else "gone")
            if not endpoint or endpoint["EndpointStatus"] not in CHANGING:
                line.end()
                return endpoint
            time.sleep(POLL_SECONDS)


@contextmanager
def status_line(name: str, what: str) -> Iterator[StatusLine]:
    """A live line about what is waited for; upon Ctrl-C it is said that AWS does not stop."""
    line = StatusLine(what)
    try:
        yield line
    except KeyboardInterrupt:
        line.end()
        click.echo(
            f"AWS goes on with {name}, and scripts/aws/status.py {name} shows how far it is; the "
            "same command again goes on from there",
            err=True,
        )
        raise


def check_serves(
    aws: Aws, endpoint: dict[str, Any] | None, name: str, config: str, seen: list[str]
) -> None:
    """Stop with the reason, and the last log lines of the version, unless an endpoint serves it.

    Args:
        seen: the log streams that there were before: they are of other versions.

    Raises:
        click.ClickException: it does not.
    """
    status = endpoint["EndpointStatus"] if endpoint else "gone"
    serving = endpoint["EndpointConfigName"] if endpoint and status == "InService" else None
    if serving == config:
        return
    group = logs.of_endpoint(name)
    new = [stream for stream in logs.streams(aws, group) if stream not in seen]
    for text in logs.last_lines(aws, group, new[0]) if new else []:
        click.echo(f"  {text}", err=True)
    if not new:
        click.echo(f"  {config} has written no log line in {group}", err=True)
    reason = (endpoint or {}).get("FailureReason") or "SageMaker gives no reason"
    what = f"{name} does not serve {config}: {reason}"
    if serving:
        what += f" ({serving} serves, as before)"
    elif status == "UpdateRollbackFailed":
        what += " (some instances may have it: scripts/aws/rollback.py brings all back)"
    raise click.ClickException(f"{with_remedy(what)}; see {group}")
