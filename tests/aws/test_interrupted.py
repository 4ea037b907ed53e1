"""Each call of the scripts refused in turn, and the script run again."""

import pytest

from aws import delete, deploy_component, rollback
from aws.lib.cli import Aws
from support.commands import run

NOTHING = {name: [] for name in ("endpoints", "configs", "models", "alarms", "targets", "policies")}
NEW = ("--env", "UNET_THRESHOLD=0.4")  # makes another model, and so another config


@pytest.fixture(autouse=True)
def _clients(cloud, monkeypatch):
    """All runs take the clients of one: to make them takes longer than to use them."""
    make = Aws.__call__
    monkeypatch.setattr(Aws, "__call__", lambda _, service: make(cloud.aws, service))


def refuse_each_call(cloud, prepare, action, wanted, served=None):
    """Refuse each call of an action in turn, then do it again: it ends as if nothing happened.

    Args:
        prepare: what was done before.
        action: runs a script, which must end with the exit code ``code``; None: any.
        wanted: the state at the end.
        served: what is then recorded to serve, and to have served before.

    Returns:
        The number of the first call that was not made.
    """
    number, refused = 0, True
    while refused:
        number += 1
        cloud.reset()
        prepare()
        cloud.fail(number)
        action(code=None)
        refused = cloud.fail(0)
        action(code=0)
        assert cloud.state() == wanted, f"call {number} was refused"
        if served:
            assert record(cloud) == served, f"call {number} was refused"
    return number


def record(cloud):
    """What is written on the endpoint: the config that serves, and the one before."""
    tags = cloud.tags()
    return tags["unet-inference:serves"], tags.get("unet-inference:served-before")


@pytest.mark.parametrize("kind", [(), ("--async", "s3://unet-test/answers/")])
def test_a_deployment_is_refused_at_any_call(cloud, deploy, kind):
    def action(code):
        return deploy("--max-instances", "3", *kind, code=code)

    action(code=0)
    wanted, served = cloud.state(), record(cloud)
    assert refuse_each_call(cloud, lambda: None, action, wanted, served) > 7


def test_an_update_is_refused_at_any_call(cloud, deploy):
    def action(code):
        return deploy(*NEW, code=code)

    deploy()
    action(code=0)
    wanted, served = cloud.state(), record(cloud)
    assert served == (wanted["endpoints"][0][1], *set(wanted["configs"]) - {served[0]})
    assert refuse_each_call(cloud, deploy, action, wanted, served) > 7


def test_another_machine_is_refused_at_any_call(cloud, deploy):
    """Autoscaling ends for the time of the update, and begins again."""

    def prepare():
        deploy("--max-instances", "3")

    def action(code):
        return deploy("--max-instances", "3", "--instance-type", "ml.m5.xlarge", code=code)

    prepare()
    action(code=0)
    wanted, served = cloud.state(), record(cloud)
    assert wanted["targets"] == [(1, 3)]
    assert refuse_each_call(cloud, prepare, action, wanted, served) > 7


def test_a_deletion_is_refused_at_any_call(cloud, deploy):
    def prepare():
        deploy("--max-instances", "2", "--async", "s3://unet-test/answers/")

    def action(code):
        return run(delete, "cells", "--yes", code=code)

    assert refuse_each_call(cloud, prepare, action, NOTHING) > 7


def test_a_component_is_refused_at_any_call(cloud, deploy):
    def action(code):
        return deploy("--max-copies", "2", script=deploy_component, code=code)

    action(code=0)
    wanted, served = cloud.state(), record(cloud)
    assert len(wanted["policies"]) == 2
    assert refuse_each_call(cloud, lambda: None, action, wanted, served) > 7


def test_the_deletion_of_a_component_is_refused_at_any_call(cloud, deploy):
    def prepare():
        deploy(script=deploy_component)

    def action(code):
        return run(delete, "cells", "--yes", code=code)

    assert refuse_each_call(cloud, prepare, action, NOTHING) > 7


def test_a_rollback_is_refused_at_any_call(cloud, deploy):
    number, refused = 0, True
    while refused:
        number += 1
        cloud.reset()
        deploy()
        [first] = cloud.state()["configs"]
        deploy(*NEW)
        cloud.fail(number)
        run(rollback, "cells", code=None)
        refused = cloud.fail(0)
        if cloud.state()["endpoints"] != [("cells", first)]:  # the update was not accepted
            run(rollback, "cells")
        deploy()  # the same again: it finds the endpoint, and writes down what serves
        assert record(cloud)[0] == first
        assert cloud.state()["endpoints"] == [("cells", first)]
    assert number > 3


def test_what_a_refused_deployment_made_is_removed(cloud, deploy):
    number, refused = 0, True
    while refused:
        number += 1
        cloud.reset()
        cloud.fail(number)
        result = deploy(code=None)
        refused = cloud.fail(0)
        if result.exit_code == 0:
            continue  # a call that may be refused
        assert "error" in result.output.lower()
        if not cloud.state()["endpoints"]:
            assert cloud.state() == NOTHING, f"call {number} was refused"
