"""Autoscaling of each kind of endpoint."""

import time

import pytest

from aws import delete, status
from aws.lib import inventory
from aws.lib.logs import of_endpoint
from support.commands import run

ASYNC = ("--async", "s3://unet-test/answers/")


def policies(cloud):
    found = cloud.aws("application-autoscaling").describe_scaling_policies(
        ServiceNamespace="sagemaker"
    )
    return {policy["PolicyName"]: policy for policy in found["ScalingPolicies"]}


def tracking(cloud, name):
    return policies(cloud)[name]["TargetTrackingScalingPolicyConfiguration"]


@pytest.mark.parametrize(
    ("options", "name", "metric", "target"),
    [
        ((), "concurrency", "SageMakerVariantConcurrentRequestsPerModelHighResolution", 4),
        (
            ("--concurrency-per-instance", "2"),
            "concurrency",
            "SageMakerVariantConcurrentRequestsPerModelHighResolution",
            2,
        ),
        (
            ("--invocations-per-instance", "70"),
            "invocations",
            "SageMakerVariantInvocationsPerInstance",
            70,
        ),
    ],
)
def test_real_time(cloud, deploy, options, name, metric, target):
    deploy("--max-instances", "3", *options)
    configured = tracking(cloud, f"cells-{name}")
    assert configured["PredefinedMetricSpecification"] == {"PredefinedMetricType": metric}
    assert configured["TargetValue"] == target
    assert cloud.state()["targets"] == [(1, 3)]
    shown = run(status, "cells").output
    assert f"autoscaling    1 to 3 instances, by cells-{name}" in shown


@pytest.mark.parametrize(
    ("pace", "workers", "wanted"),
    [("2.62", 2, 19), ("0.08", 2, 2), ("0.08", 1, 1), ("80.00", 2, 50)],
)
def test_by_what_the_container_measured(cloud, deploy, pace, workers, wanted):
    """As many images of 512×512 as it answers in two seconds."""
    lines = [
        f"Starting the model server: workers {workers}, threads of each 2, CPUs 4, free …",
        f"2026-11-26T16:00:00,000 [INFO ] W-9000-model cells computes {pace} megapixels a second",
        "model model is ready: 1.00 s to load it and to warm it up",
    ]
    logs, group = cloud.aws("logs"), {"logGroupName": of_endpoint("cells")}
    logs.create_log_group(**group)
    logs.create_log_stream(**group, logStreamName="AllTraffic/i-1")
    now = time.time_ns() // 1_000_000
    events = [{"timestamp": now, "message": line} for line in lines]
    logs.put_log_events(**group, logStreamName="AllTraffic/i-1", logEvents=events)
    assert f"scaling keeps {wanted} requests at once" in deploy("--max-instances", "3").output
    assert tracking(cloud, "cells-concurrency")["TargetValue"] == wanted
    deploy("--max-instances", "3", "--concurrency-per-instance", "7")  # asked for
    assert tracking(cloud, "cells-concurrency")["TargetValue"] == 7


def test_many_models_are_scaled_by_invocations(cloud, deploy):
    deploy("--max-instances", "3", "--multi-model", model="s3://unet-test/models/")
    assert list(policies(cloud)) == ["cells-invocations"]


def test_asynchronous_down_to_none_and_up_again(cloud, deploy):
    deploy(*ASYNC, "--max-instances", "4", "--backlog-per-instance", "3")
    assert cloud.state()["targets"] == [(0, 4)]
    backlog = tracking(cloud, "cells-backlog")
    assert backlog["TargetValue"] == 3
    assert backlog["CustomizedMetricSpecification"] == {
        "MetricName": "ApproximateBacklogSizePerInstance",
        "Namespace": "AWS/SageMaker",
        "Dimensions": [{"Name": "EndpointName", "Value": "cells"}],
        "Statistic": "Average",
    }
    wake = policies(cloud)["cells-wake"]
    [step] = wake["StepScalingPolicyConfiguration"]["StepAdjustments"]
    assert step["ScalingAdjustment"] == 1
    [alarm] = cloud.aws("cloudwatch").describe_alarms(AlarmNames=["cells-wake"])["MetricAlarms"]
    assert alarm["MetricName"] == "HasBacklogWithoutCapacity"
    assert alarm["AlarmActions"] == [wake["PolicyARN"]]

    deploy(*ASYNC, "--max-instances", "4", "--min-instances", "1")  # never none: nothing to wake
    assert cloud.state()["targets"] == [(1, 4)]
    assert cloud.state()["policies"] == ["cells-backlog"]
    assert "cells-wake" not in cloud.state()["alarms"]


def test_what_wakes_goes_with_the_endpoint(cloud, deploy):
    deploy(*ASYNC, "--max-instances", "4")
    run(delete, "cells", "--yes")
    assert not any(cloud.state().values())


def test_serverless(cloud, deploy):
    deploy("--serverless", "4096:10", "--provisioned", "2", "--max-provisioned", "6")
    [config] = cloud.state()["configs"]
    described = cloud.aws("sagemaker").describe_endpoint_config(EndpointConfigName=config)
    [variant] = described["ProductionVariants"]
    expected = {"MemorySizeInMB": 4096, "MaxConcurrency": 10, "ProvisionedConcurrency": 2}
    assert variant["ServerlessConfig"] == expected
    assert cloud.state()["targets"] == [(2, 6)]
    policy = policies(cloud)["cells-utilization"]
    assert policy["ScalableDimension"] == "sagemaker:variant:DesiredProvisionedConcurrency"
    assert "2 to 6 provisioned requests" in run(status, "cells").output
    assert cloud.state()["alarms"] == []  # SageMaker looks at none of a serverless endpoint
    run(delete, "cells", "--yes")
    assert not any(cloud.state().values())


def test_another_metric_takes_the_place_of_the_one_before(cloud, deploy):
    deploy("--max-instances", "3")
    deploy("--max-instances", "3", "--invocations-per-instance", "50")
    assert cloud.state()["policies"] == ["cells-invocations"]


def test_another_machine(cloud, deploy):
    """SageMaker refuses it while the endpoint is scaled, as the stand-in does."""
    deploy("--max-instances", "3")
    deploy("--max-instances", "4", "--instance-type", "ml.m5.xlarge")
    assert cloud.state()["targets"] == [(1, 4)]
    deploy("--instance-type", "ml.c7i.2xlarge")  # what there was goes on
    assert cloud.state()["targets"] == [(1, 4)]
    assert cloud.state()["policies"] == ["cells-concurrency"]


def test_another_machine_that_fails_leaves_the_scaling(cloud, deploy):
    deploy(*ASYNC, "--max-instances", "3")
    before = cloud.state()
    deploy(*ASYNC, "--instance-type", "ml.m5.xlarge", image="broken", code=1)
    assert cloud.state() == before
    [alarm] = cloud.aws("cloudwatch").describe_alarms(AlarmNames=["cells-wake"])["MetricAlarms"]
    assert alarm["AlarmActions"] == [policies(cloud)["cells-wake"]["PolicyARN"]]


def test_the_number_of_instances_is_kept(cloud, deploy):
    deploy("--max-instances", "3", "--instances", "2")
    deploy("--env", "UNET_THRESHOLD=0.4")  # one instance, says this; autoscaling has two
    endpoint = cloud.aws("sagemaker").describe_endpoint(EndpointName="cells")
    assert endpoint["ProductionVariants"][0]["DesiredInstanceCount"] == 2


def test_kinds_that_cannot_be_changed_into_each_other(cloud, deploy):
    deploy()
    before = cloud.state()
    assert "take another --name" in deploy("--serverless", "4096:5", code=1).output
    assert cloud.state() == before


def test_from_serverless_there_is_no_way_back(cloud, deploy):
    deploy("--serverless", "4096:5")
    assert "no way back" in deploy().output


def test_ctrl_c_while_autoscaling_is_ended(cloud, deploy, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    deploy("--max-instances", "3")
    with monkeypatch.context() as patch:
        patch.setattr(inventory, "check_serves", interrupt)
        output = deploy("--instance-type", "ml.m5.xlarge", code=1).output
    assert "it went from 1 to 3: run scripts/aws/deploy.py with --max-instances 3" in output
    deploy("--instance-type", "ml.m5.xlarge", "--max-instances", "3")
    assert cloud.state()["targets"] == [(1, 3)]
