"""The alarms that roll an update back: on the new version, on the user's own, on none."""

import pytest

from aws.lib.alarms import BAKE_SECONDS, deployment_config

NEW = ("--env", "UNET_THRESHOLD=0.4")


def alarms(cloud):
    found = cloud.aws("cloudwatch").describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"]: alarm for alarm in found}


def dimensions(alarm):
    return {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}


def watching(cloud):
    """The names of the alarms of the last update."""
    endpoint = cloud.aws("sagemaker").describe_endpoint(EndpointName="cells")
    rollback = endpoint["LastDeploymentConfig"].get("AutoRollbackConfiguration", {})
    return [alarm["AlarmName"] for alarm in rollback.get("Alarms", [])]


def test_they_see_the_new_version_alone(cloud, deploy):
    deploy()
    [first] = cloud.state()["configs"]
    deploy(*NEW)
    [second] = set(cloud.state()["configs"]) - {first}
    found = alarms(cloud)
    for config in (first, second):
        expected = {"EndpointName": "cells", "VariantName": "AllTraffic"}
        expected["EndpointConfigName"] = config
        assert dimensions(found[f"{config}-5xx"]) == expected
        assert dimensions(found[f"{config}-latency"]) == expected
    assert watching(cloud) == [f"{second}-5xx", f"{second}-latency"]


def test_thresholds(cloud, deploy):
    deploy("--alarm-errors", "7", "--alarm-latency", "2.5")
    [config] = cloud.state()["configs"]
    found = alarms(cloud)
    assert found[f"{config}-5xx"]["Threshold"] == 7
    assert found[f"{config}-latency"]["Threshold"] == 2_500_000  # microseconds
    deploy("--alarm-errors", "8")  # the same version, another threshold
    assert alarms(cloud)[f"{config}-5xx"]["Threshold"] == 8


def test_an_asynchronous_endpoint_may_take_its_time(cloud, deploy):
    deploy("--async", "s3://unet-test/answers/")
    assert [name.rpartition("-")[2] for name in cloud.state()["alarms"]] == ["5xx"]
    deploy("--async", "s3://unet-test/answers/", "--alarm-latency", "1800")
    assert [name.rpartition("-")[2] for name in cloud.state()["alarms"]] == ["5xx", "latency"]


def test_alarms_of_ones_own(cloud, deploy):
    cloud.put_alarm("mine")
    cloud.put_alarm("yours")
    deploy()
    deploy(*NEW, "--alarm", "mine", "--alarm", "yours")
    assert watching(cloud)[2:] == ["mine", "yours"]


def test_an_alarm_that_is_not_there(cloud, deploy):
    output = deploy("--alarm", "mine", code=1).output
    assert "there is no alarm mine in eu-central-1" in output
    assert not any(cloud.state().values())


def test_an_alarm_that_rings_already(cloud, deploy):
    cloud.put_alarm("mine")
    cloud.aws("cloudwatch").set_alarm_state(
        AlarmName="mine", StateValue="ALARM", StateReason="test"
    )
    assert "warning: mine is in ALARM already" in deploy("--alarm", "mine").output


@pytest.mark.parametrize("strategy", [("all-at-once", 100), ("canary", 50), ("linear", 50)])
def test_the_old_fleet_is_there_as_long_as_alarms_are_watched(strategy):
    policy = deployment_config(strategy, ["mine"])["BlueGreenUpdatePolicy"]
    assert policy["TerminationWaitInSeconds"] == BAKE_SECONDS
    assert policy["TrafficRoutingConfiguration"]["WaitIntervalInSeconds"] == BAKE_SECONDS


def test_none(cloud, deploy):
    deploy()
    deploy(*NEW, "--no-alarms")
    assert watching(cloud) == []


def test_a_failed_version_leaves_no_alarms(cloud, deploy):
    deploy()
    before = cloud.state()["alarms"]
    deploy(image="broken", code=1)
    assert cloud.state()["alarms"] == before


@pytest.mark.parametrize("step", ["--canary", "--linear", "--rolling"])
def test_steps_are_refused_where_scaling_has_left_one_instance(cloud, deploy, step):
    deploy("--max-instances", "3")
    before = cloud.state()
    output = deploy("--max-instances", "3", *NEW, step, "20", code=1).output
    assert f"{step} 20 needs two instances or more" in output
    assert cloud.state() == before


def test_steps_of_two_instances(cloud, deploy):
    deploy("--instances", "2")
    deploy("--instances", "2", *NEW, "--canary", "50")
    endpoint = cloud.aws("sagemaker").describe_endpoint(EndpointName="cells")
    policy = endpoint["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]
    size = policy["TrafficRoutingConfiguration"]["CanarySize"]
    assert size == {"Type": "CAPACITY_PERCENT", "Value": 50}
