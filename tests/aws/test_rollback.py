"""Back to what served, also after updates that failed or were cut off."""

import pytest

from aws import rollback, status
from aws.lib import inventory
from support.commands import run

NEW = ("--env", "UNET_THRESHOLD=0.4")
NEWER = ("--env", "UNET_THRESHOLD=0.5")


@pytest.fixture
def two(cloud, deploy):
    """The configs of an endpoint that served one, and serves another one."""
    deploy()
    [first] = cloud.state()["configs"]
    deploy(*NEW)
    [second] = set(cloud.state()["configs"]) - {first}
    return first, second


def serving(cloud):
    [(_, config)] = cloud.state()["endpoints"]
    return config


@pytest.fixture
def updates(monkeypatch):
    """The requests of UpdateEndpoint that are sent."""
    sent = []
    send = rollback.rollout.Call.run

    def run(call, aws):
        if call.operation == "update_endpoint":
            sent.append(call.parameters)
        return send(call, aws)

    monkeypatch.setattr(rollback.rollout.Call, "run", run)
    return sent


def test_back_and_forth(cloud, two):
    for config in (two[0], two[1], two[0]):
        run(rollback, "cells")
        assert serving(cloud) == config


def interrupt(*_):
    raise KeyboardInterrupt


def test_an_update_that_failed_is_not_gone_back_to(cloud, deploy, two):
    deploy(image="broken", code=1)
    run(rollback, "cells")
    assert serving(cloud) == two[0]


def test_what_is_left_of_a_failed_update_is_not_gone_back_to(cloud, two):
    """The run that made it was cut off: its config is the newest, and never served."""
    sagemaker = cloud.aws("sagemaker")
    variants = sagemaker.describe_endpoint_config(EndpointConfigName=two[1])["ProductionVariants"]
    newest = "cells-0123456789"
    sagemaker.create_endpoint_config(EndpointConfigName=newest, ProductionVariants=variants)
    assert f"{newest} (was not seen to serve)" in run(status, "cells").output
    run(rollback, "cells")
    assert serving(cloud) == two[0]


def test_an_update_that_was_cut_off_and_then_served(cloud, deploy, two, monkeypatch):
    """Nobody saw it serve: what was seen is gone back to."""
    with monkeypatch.context() as patch:
        patch.setattr(inventory, "check_serves", interrupt)
        deploy(*NEWER, code=1)
    newest = serving(cloud)
    assert newest not in two
    shown = run(status, "cells").output
    assert f"{newest} (serves)" in shown
    assert f"{two[1]} (served before; scripts/aws/rollback.py goes back to it)" in shown
    run(rollback, "cells")
    assert serving(cloud) == two[1]


def test_a_mixture_after_a_failed_rollback_of_aws(cloud, two):
    cloud.set("status", "UpdateRollbackFailed")
    run(rollback, "cells")
    assert serving(cloud) == two[1]


def test_ctrl_c_says_that_it_goes_on(cloud, deploy, two, monkeypatch):
    monkeypatch.setattr(inventory.time, "sleep", interrupt)
    cloud.set("status", "Updating")
    output = run(rollback, "cells", code=1).output
    assert "AWS goes on with cells, and scripts/aws/status.py cells shows how far it is" in output


def test_alarms_and_the_number_of_instances_go_along(cloud, deploy, updates):
    cloud.put_alarm("mine")
    deploy("--max-instances", "3")
    [first] = cloud.state()["configs"]
    deploy(*NEW, "--alarm", "mine")
    updates.clear()
    run(rollback, "cells")
    [update] = updates
    assert update["RetainAllVariantProperties"] is True
    watching = update["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    assert [alarm["AlarmName"] for alarm in watching] == [
        f"{first}-5xx",
        f"{first}-latency",
        "mine",
    ]
    assert cloud.state()["targets"] == [(1, 3)]


def test_without_alarms(cloud, deploy, updates):
    deploy("--no-alarms")
    deploy(*NEW)
    output = run(rollback, "cells").output
    assert "warning: no alarm watches" in output
    assert "AutoRollbackConfiguration" not in updates[-1]["DeploymentConfig"]
    assert updates[-1]["RetainAllVariantProperties"] is True
    output = run(rollback, "cells", "--no-alarms").output
    assert "warning" not in output
    assert "AutoRollbackConfiguration" not in updates[-1]["DeploymentConfig"]


def test_to_a_machine_of_another_type(cloud, deploy):
    deploy("--max-instances", "3")
    [first] = cloud.state()["configs"]
    deploy("--max-instances", "4", "--instance-type", "ml.m5.xlarge")
    run(rollback, "cells")
    assert serving(cloud) == first
    state = cloud.state()
    assert (state["targets"], state["policies"]) == ([(1, 4)], ["cells-concurrency"])


def test_nothing_to_go_back_to(cloud, deploy):
    assert "the endpoint cells is not there" in run(rollback, "cells", code=1).output
    deploy()
    assert "rollback       there is nothing to go back to" in run(status, "cells").output
    output = run(rollback, "cells", code=1).output
    assert "there is nothing to go back to" in output
    assert "deploy another one first" in output


def test_an_endpoint_without_a_record_is_told_what_to_choose(cloud, deploy, two):
    arn = cloud.aws("sagemaker").describe_endpoint(EndpointName="cells")["EndpointArn"]
    cloud.aws("sagemaker").delete_tags(
        ResourceArn=arn, TagKeys=["unet-inference:serves", "unet-inference:served-before"]
    )
    output = run(rollback, "cells", code=1).output
    assert f"--to takes one of {two[0]}" in output
    run(rollback, "cells", "--to", two[0])
    assert serving(cloud) == two[0]
    assert "serves" in run(rollback, "cells", "--to", two[0], code=1).output


def test_a_failed_endpoint_cannot_be_rolled_back(cloud, two):
    cloud.set("status", "Failed")
    assert "can only be made anew" in run(rollback, "cells", code=1).output


def test_the_same_config_again_after_a_cut_off(cloud, deploy, two):
    """The run after it finds it in service, and writes that down."""
    tags = cloud.tags()
    assert (tags["unet-inference:serves"], tags["unet-inference:served-before"]) == two[::-1]
    deploy(*NEWER)
    [newer] = set(cloud.state()["configs"]) - set(two)
    assert cloud.tags()["unet-inference:served-before"] == two[1]
    assert sorted(cloud.state()["configs"]) == sorted([two[1], newer])
