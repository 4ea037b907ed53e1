"""The requests of a deployment as a template of CloudFormation: the same names and parameters.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SageMaker.html
"""

from typing import Any

import yaml

from aws.lib.calls import Call
from aws.lib.scaling import POLICY_ARN

TYPES = {
    "create_model": "AWS::SageMaker::Model",
    "create_endpoint_config": "AWS::SageMaker::EndpointConfig",
    "create_endpoint": "AWS::SageMaker::Endpoint",
    "create_inference_component": "AWS::SageMaker::InferenceComponent",
    "put_metric_alarm": "AWS::CloudWatch::Alarm",
    "register_scalable_target": "AWS::ApplicationAutoScaling::ScalableTarget",
    "put_scaling_policy": "AWS::ApplicationAutoScaling::ScalingPolicy",
}
NAMES = {
    "create_model": "Model",
    "create_endpoint_config": "EndpointConfig",
    "create_endpoint": "Endpoint",
    "create_inference_component": "InferenceComponent",
    "register_scalable_target": "ScalableTarget",
}
SCALING_POLICY, ALARM = "ScalingPolicy", "Alarm"
WAKE = "Wake"


def template(calls: list[Call], update: Call | None) -> dict[str, Any]:
    """A template that makes what requests make, in their order.

    Args:
        calls: of a first deployment.
        update: how the endpoint is updated, when the template is deployed again with another model.
    """
    resources: dict[str, Any] = {}
    for call in calls:
        properties = dict(call.parameters)
        if call.operation == "create_endpoint" and update:
            properties |= update.parameters
        resource: dict[str, Any] = {"Type": TYPES[call.operation]}
        before = _before(call, resources)
        if before:
            resource["DependsOn"] = before
        resource["Properties"] = _referring(call.operation, properties)
        resources[_name(call)] = resource
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"The endpoint {_endpoint(calls)}, as scripts/aws/deploy.py makes it",
        "Resources": resources,
    }


def text(calls: list[Call], update: Call | None) -> str:
    """The template as YAML."""
    dumped = yaml.dump(template(calls, update), Dumper=_Dumper, sort_keys=False, width=100)
    assert isinstance(dumped, str)
    return dumped


def _endpoint(calls: list[Call]) -> str:
    [name] = [c.parameters["EndpointName"] for c in calls if c.operation == "create_endpoint"]
    return name


def _name(call: Call) -> str:
    """What a resource is called in the template; of alarms and policies there are several."""
    if call.operation == "put_scaling_policy":
        return SCALING_POLICY + _last_word(call.parameters["PolicyName"])
    if call.operation == "put_metric_alarm":
        return ALARM + _last_word(call.parameters["AlarmName"])
    return NAMES[call.operation]


def _last_word(name: str) -> str:
    return name.rpartition("-")[2].capitalize()


def _before(call: Call, resources: dict[str, Any]) -> list[str]:
    """The resources that must be there first, and to which none of the parameters refers."""
    wanted: tuple[str, ...] = ()
    if call.operation == "create_endpoint":
        wanted = (ALARM,)  # SageMaker looks for the alarms that roll an update back
    elif call.operation == "create_inference_component":
        wanted = (NAMES["create_endpoint"],)
    elif call.operation == "register_scalable_target":
        component = NAMES["create_inference_component"]
        wanted = (component if component in resources else NAMES["create_endpoint"],)
    elif call.operation == "put_scaling_policy":
        wanted = (NAMES["register_scalable_target"],)
    names = [name for name in resources if name.startswith(wanted)] if wanted else []
    return [name for name in names if not name.startswith("EndpointConfig")]


def _referring(operation: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Properties in which names of other resources refer to them, so that these are made first."""
    properties = dict(properties)
    if operation == "create_endpoint_config":
        properties["ProductionVariants"] = [
            variant | _reference("Model", "ModelName") if "ModelName" in variant else variant
            for variant in properties["ProductionVariants"]
        ]
    elif operation == "create_endpoint":
        properties |= _reference("EndpointConfig", "EndpointConfigName")
    elif operation == "create_inference_component":
        properties["Specification"] = properties["Specification"] | _reference("Model", "ModelName")
    elif operation == "put_metric_alarm" and properties.get("AlarmActions") == [POLICY_ARN]:
        properties["AlarmActions"] = [{"Ref": SCALING_POLICY + WAKE}]
    return properties


def _reference(resource: str, attribute: str) -> dict[str, Any]:
    return {attribute: {"Fn::GetAtt": [resource, attribute]}}


class _Dumper(yaml.SafeDumper):
    """Writes each value in full where it stands."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)
