"""scripts/aws/deploy_component.py: an endpoint whose copies and machines come and go by load."""

import functools

import pytest
from botocore.exceptions import EndpointConnectionError

from aws import delete, deploy_component, rollback, status
from aws.lib import component_rollout
from support.commands import run

NEW = ("--env", "UNET_THRESHOLD=0.4")
NOTHING = {name: [] for name in ("endpoints", "configs", "models", "alarms", "targets", "policies")}


@pytest.fixture
def component(deploy):
    """Run deploy_component.py."""
    return functools.partial(deploy, script=deploy_component)


def described(cloud):
    return cloud.aws("sagemaker").describe_inference_component(InferenceComponentName="cells")


def serves(cloud):
    return described(cloud)["Specification"]["ModelName"]


def test_from_nothing_and_back(cloud, component):
    component("--memory", "2000", "--max-copies", "3")
    state = cloud.state()
    [config], [model] = state["configs"], state["models"]
    variants = cloud.aws("sagemaker").describe_endpoint_config(EndpointConfigName=config)
    [variant] = variants["ProductionVariants"]
    assert "ModelName" not in variant
    assert variant["ManagedInstanceScaling"]["MinInstanceCount"] == 0
    assert serves(cloud) == model
    assert described(cloud)["Specification"]["ComputeResourceRequirements"] == {
        "NumberOfCpuCoresRequired": 2.0, "MinMemoryRequiredInMb": 2000,
    }  # fmt: skip
    assert (state["targets"], state["policies"]) == ([(0, 3)], ["cells-copies", "cells-wake"])
    [alarm] = cloud.aws("cloudwatch").describe_alarms(AlarmNames=["cells-wake"])["MetricAlarms"]
    assert alarm["MetricName"] == "NoCapacityInvocationFailures"
    assert alarm["Dimensions"] == [{"Name": "InferenceComponentName", "Value": "cells"}]
    found = cloud.aws("application-autoscaling").describe_scaling_policies(
        ServiceNamespace="sagemaker", ResourceId="inference-component/cells"
    )
    arns = {policy["PolicyName"]: policy["PolicyARN"] for policy in found["ScalingPolicies"]}
    assert alarm["AlarmActions"] == [arns["cells-wake"]]

    shown = run(status, "cells").output
    assert "component      cells: InService, 1 copies, 1 wanted" in shown
    assert "autoscaling    0 to 3 copies, by" in shown

    assert "nothing is left" in run(delete, "cells", "--yes").output
    assert cloud.state() == NOTHING


def test_another_model_and_back(cloud, component):
    component()
    first = serves(cloud)
    before = cloud.state()
    component()
    assert (cloud.state(), serves(cloud)) == (before, first)
    component(*NEW)
    second = serves(cloud)
    assert second != first
    assert f"{first} (served before" in run(status, "cells").output
    run(rollback, "cells")
    assert serves(cloud) == first
    run(rollback, "cells")
    assert serves(cloud) == second
    component("--env", "UNET_THRESHOLD=0.5")
    assert len(cloud.state()["models"]) == 2
    assert "is not there any more" in run(rollback, "cells", "--to", first, code=1).output


def test_never_down_to_none(cloud, component):
    component()
    component("--min-copies", "1")
    assert (cloud.state()["targets"], cloud.state()["policies"]) == ([(1, 2)], ["cells-copies"])
    assert cloud.state()["alarms"] == []


def test_a_model_that_does_not_come_up(cloud, component):
    output = component(image="broken", code=1).output
    assert "error: the model cannot be served: it is broken" in output
    assert "/aws/sagemaker/InferenceComponents/cells" in output
    assert cloud.state() == NOTHING
    component()
    before, first = cloud.state(), serves(cloud)
    output = component(image="broken", code=1).output
    assert f"({first} serves, as before)" in output
    assert (cloud.state(), serves(cloud)) == (before, first)


def test_the_config_that_serves_is_left_when_a_model_does_not_come_up(cloud, component):
    component()
    first = serves(cloud)
    component("--max-instances", "3", image="broken", code=1)
    [(_, config)] = cloud.state()["endpoints"]
    assert config in cloud.state()["configs"]
    assert (serves(cloud), cloud.state()["models"]) == (first, [first])


def test_a_model_that_copies_may_have_is_left(cloud, component, monkeypatch):
    """The wait for them ends by an error of the network, say; they are changed nevertheless."""
    component()
    first = serves(cloud)

    def break_off(*_):
        raise EndpointConnectionError(endpoint_url="https://x")

    monkeypatch.setattr(component_rollout, "wait", break_off)
    assert "check the network" in component(*NEW, code=1).output
    assert serves(cloud) in set(cloud.state()["models"]) - {first}


def test_kinds_are_not_changed_into_each_other(cloud, component, deploy):
    component()
    assert "has an inference component" in deploy(code=1).output
    run(delete, "cells", "--yes")
    deploy()
    assert "has a model of its own" in component(code=1).output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--max-copies", "1", "--min-copies", "2"), "less than --min-copies"),
        (("--instance-type", "ml.g5.xlarge"), "may be costly; add --yes"),
        (("--inference-ami", "al2-ami-sagemaker-inference-gpu-2"), "has none"),
        (("--format", "cloudformation"), "--format is for --dry-run"),
        (("--model", "s3://unet-test"), "is a whole bucket"),
    ],
)
def test_misuse(component, options, message):
    assert message in component(*options, code=2).output
