"""Autoscaling of an endpoint, by what tells that it has too much to do.

- Real-time endpoints by the requests that each model has at once, every ten seconds; or by the
  invocations a minute, where that is asked for, and of multi-model endpoints.
- Asynchronous endpoints by the requests that wait for each instance, down to none; a step policy
  wakes them, because at zero instances nothing can be divided by their number.
- Serverless endpoints by how much of the provisioned concurrency is in use.
- Inference components by the requests that each copy has at once, down to none; a request that
  fails because there is none wakes them.

https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html
https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html
"""

from dataclasses import dataclass
from typing import Any

from aws.lib.calls import Call, tag_list
from aws.lib.names import VARIANT

SERVICE = "application-autoscaling"
INSTANCES = "sagemaker:variant:DesiredInstanceCount"
PROVISIONED = "sagemaker:variant:DesiredProvisionedConcurrency"
COPIES = "sagemaker:inference-component:DesiredCopyCount"
POLICY_ARN = "ARN-OF-THE-POLICY-WAKE"  # stands for what AWS answers, where nothing is sent

CONCURRENCY = 4  # requests at once; the container answers two of them, two wait
INVOCATIONS = 100  # a minute
BACKLOG = 5  # requests that wait for an instance
UTILIZATION = 0.7  # of provisioned concurrency


@dataclass(frozen=True)
class Scaling:
    """How an endpoint is to be scaled.

    Attributes:
        metric: "concurrency", "invocations", "backlog", "utilization" or "copies".
        target: the value of it that scaling keeps.
        low, high: the least and the largest number of instances, provisioned requests, or copies.
    """

    metric: str
    target: float
    low: int
    high: int

    @property
    def dimension(self) -> str:
        return {"utilization": PROVISIONED, "copies": COPIES}.get(self.metric, INSTANCES)

    def calls(self, name: str) -> list[Call]:
        """The requests that begin it; ``wake_alarm`` follows where ``wakes``."""
        resource = target(name, self.dimension)
        limits = {"MinCapacity": self.low, "MaxCapacity": self.high}
        calls = [
            Call(SERVICE, "register_scalable_target", resource | limits),
            Call(SERVICE, "put_scaling_policy", resource | self._tracking(name)),
        ]
        if self.wakes:
            step = _step(name, WAKING[self.dimension])
            calls.append(Call(SERVICE, "put_scaling_policy", resource | step))
        return calls

    @property
    def wakes(self) -> bool:
        """Whether a policy of its own makes the first instance, or copy."""
        return self.metric in {"backlog", "copies"} and self.low == 0

    def _tracking(self, name: str) -> dict[str, Any]:
        tracking: dict[str, Any] = {"TargetValue": float(self.target)}
        if self.metric == "backlog":
            tracking["CustomizedMetricSpecification"] = {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Dimensions": [{"Name": "EndpointName", "Value": name}],
                "Statistic": "Average",
            }
        else:
            kind = {"PredefinedMetricType": PREDEFINED[self.metric]}
            tracking["PredefinedMetricSpecification"] = kind
        tracking |= {"ScaleOutCooldown": 60, "ScaleInCooldown": 300}
        return {
            "PolicyName": f"{name}-{self.metric}",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": tracking,
        }


PREDEFINED = {
    "concurrency": "SageMakerVariantConcurrentRequestsPerModelHighResolution",
    "invocations": "SageMakerVariantInvocationsPerInstance",
    "utilization": "SageMakerVariantProvisionedConcurrencyUtilization",
    "copies": "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution",
}


@dataclass(frozen=True)
class Waking:
    """What tells that there should be a first instance, or copy.

    Attributes:
        alarm: members of the request that makes the alarm.
        dimension: of the metric, whose value is the name of the endpoint, or component.
        why: when it rings.
        cooldown: seconds until the next one may be made.
        aggregation: of the metric, over what the alarm sees.
    """

    alarm: dict[str, Any]
    dimension: str
    why: str
    cooldown: int
    aggregation: str


WAKING = {
    INSTANCES: Waking(
        {
            "MetricName": "HasBacklogWithoutCapacity",
            "Statistic": "Average",
            "EvaluationPeriods": 2,
            "DatapointsToAlarm": 2,
        },
        "EndpointName",
        "requests wait, and it has no instance",
        300,
        "Average",
    ),
    COPIES: Waking(
        {
            "MetricName": "NoCapacityInvocationFailures",
            "Statistic": "Sum",
            "EvaluationPeriods": 1,
            "DatapointsToAlarm": 1,
        },
        "InferenceComponentName",
        "a request has failed, because it has no copy",
        60,
        "Maximum",
    ),
}


def target(name: str, dimension: str = INSTANCES) -> dict[str, str]:
    """How Application Auto Scaling names what it scales of an endpoint."""
    of_variant = f"endpoint/{name}/variant/{VARIANT}"
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"inference-component/{name}" if dimension == COPIES else of_variant,
        "ScalableDimension": dimension,
    }


def _step(name: str, waking: Waking) -> dict[str, Any]:
    """One more, when an alarm says that one is wanted and there is none."""
    return {
        "PolicyName": f"{name}-wake",
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": waking.aggregation,
            "Cooldown": waking.cooldown,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
        },
    }


def wake_alarm_name(name: str) -> str:
    return f"{name}-wake"


def wake_alarm(
    name: str, policy_arn: str, tags: dict[str, str], dimension: str = INSTANCES
) -> Call:
    """The alarm that runs the step policy.

    Args:
        dimension: what it makes more of.
    """
    waking = WAKING[dimension]
    parameters = {
        "AlarmName": wake_alarm_name(name),
        "AlarmDescription": f"Wakes the endpoint {name}: {waking.why}",
        "Namespace": "AWS/SageMaker",
        **waking.alarm,
        "Dimensions": [{"Name": waking.dimension, "Value": name}],
        "Period": 60,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "missing",
        "AlarmActions": [policy_arn],
        "Tags": tag_list(tags),
    }
    return Call("cloudwatch", "put_metric_alarm", parameters)


def again(registered: dict[str, Any], policies: list[dict[str, Any]]) -> list[Call]:
    """The requests that bring a scaling back which was described before it was ended."""
    keys = ("ServiceNamespace", "ResourceId", "ScalableDimension")
    resource = {key: registered[key] for key in keys}
    limits = {key: registered[key] for key in ("MinCapacity", "MaxCapacity")}
    calls = [Call(SERVICE, "register_scalable_target", resource | limits)]
    for policy in policies:
        kept = ("PolicyName", "PolicyType", "TargetTrackingScalingPolicyConfiguration",
                "StepScalingPolicyConfiguration")  # fmt: skip
        fields = {key: policy[key] for key in kept if policy.get(key)}
        calls.append(Call(SERVICE, "put_scaling_policy", resource | fields))
    return calls
