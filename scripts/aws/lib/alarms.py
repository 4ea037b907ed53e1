"""The alarms that roll an update back, and how an update goes.

SageMaker publishes the metrics of requests with the dimension EndpointConfigName, too: an alarm on
it sees the fleet of one version alone. So a cure can be deployed to an endpoint that is ill, and
the alarm of a version starts without the past of another one.

https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html
"""

import re
from typing import Any

from aws.lib.calls import Call, tag_list
from aws.lib.names import HASH, VARIANT

BAKE_SECONDS = 300  # between two steps of an update, and before the old fleet goes
STEP_SIZES = {"canary": "CanarySize", "linear": "LinearStepSize"}
ERRORS, LATENCY = "5xx", "latency"
MOST_ALARMS = 10  # that one update may have


def of_version(
    name: str, config: str, errors: int, latency_seconds: float | None, tags: dict[str, str]
) -> list[Call]:
    """The alarms on one version of an endpoint.

    Args:
        errors: answers of 5xx in a minute that are too many.
        latency_seconds: the 99th percentile of the model's time that is too long; None: any time is
            right.
    """
    alarms = [_alarm(name, config, ERRORS, tags, "Invocation5XXErrors", errors, Statistic="Sum")]
    if latency_seconds is not None:
        limit = latency_seconds * 1_000_000  # the metric is in microseconds
        alarms.append(
            _alarm(name, config, LATENCY, tags, "ModelLatency", limit, ExtendedStatistic="p99")
        )
    return alarms


def _alarm(
    name: str,
    config: str,
    suffix: str,
    tags: dict[str, str],
    metric: str,
    threshold: float,
    **statistic: str,
) -> Call:
    parameters = {
        "AlarmName": f"{config}-{suffix}",
        "AlarmDescription": f"Rolls the update of the endpoint {name} to {config} back",
        "Namespace": "AWS/SageMaker",
        "MetricName": metric,
        "Dimensions": [
            {"Name": "EndpointName", "Value": name},
            {"Name": "VariantName", "Value": VARIANT},
            {"Name": "EndpointConfigName", "Value": config},
        ],
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": float(threshold),
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "Tags": tag_list(tags),
    }
    return Call("cloudwatch", "put_metric_alarm", parameters | statistic)


def is_of_version(name: str, candidate: str) -> bool:
    """Whether an alarm is one of those that ``of_version`` makes for an endpoint."""
    return bool(re.fullmatch(rf"{re.escape(name)}-{HASH}-({ERRORS}|{LATENCY})", candidate))


def deployment_config(strategy: tuple[str, int], alarms: list[str]) -> dict[str, Any]:
    """How an update goes: the strategy with its percentage, watched by alarms."""
    kind, percent = strategy
    size = {"Type": "CAPACITY_PERCENT", "Value": percent}
    watched: dict[str, Any] = {}
    if alarms:
        watched["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in alarms]}
    if kind == "rolling":
        policy = {"MaximumBatchSize": size, "WaitIntervalInSeconds": BAKE_SECONDS}
        return watched | {"RollingUpdatePolicy": policy}
    routing: dict[str, Any] = {
        "Type": kind.upper().replace("-", "_"),
        "WaitIntervalInSeconds": BAKE_SECONDS,
    }
    if kind in STEP_SIZES:
        routing[STEP_SIZES[kind]] = size
    # alarms are watched for as long as the old fleet is there to go back to
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": BAKE_SECONDS}
    return watched | {"BlueGreenUpdatePolicy": policy}
