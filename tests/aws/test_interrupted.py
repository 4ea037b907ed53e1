"""Each call of the scripts refused in turn, or followed by Ctrl-C, and the script run again."""

import pytest
from botocore.client import BaseClient

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


class Refusal:
    """A call that AWS refuses: it is not done."""

    def __init__(self, cloud):
        self.arm, self.disarm = cloud.fail, lambda: cloud.fail(0)


class Interruption:
    """Ctrl-C after a call that changes something: it is done, and nobody has seen the answer."""

    def __init__(self, monkeypatch):
        self._left = 0
        call = BaseClient._make_api_call

        def interrupted(client, operation, parameters):
            answer = call(client, operation, parameters)
            if not operation.startswith(("Describe", "List", "Get", "Head")):
                self._left -= 1
                if self._left == 0:
                    raise KeyboardInterrupt
            return answer

        monkeypatch.setattr(BaseClient, "_make_api_call", interrupted)

    def arm(self, number):
        self._left = number

    def disarm(self):
        happened, self._left = self._left <= 0, 0
        return happened


@pytest.fixture(params=["refused", "interrupted"])
def fault(request, cloud, monkeypatch):
    return Refusal(cloud) if request.param == "refused" else Interruption(monkeypatch)


def stop_at_each_call(cloud, fault, prepare, action, wanted, served=None):
    """Stop at each call of an action in turn, then do it again: it ends as if nothing happened.

    Args:
        fault: what stops it.
        prepare: what was done before.
        action: runs a script, which must end with the exit code ``code``; None: any.
        wanted: the state at the end.
        served: what is then recorded to serve, and to have served before.

    Returns:
        The number of the first call that was not made.
    """
    number, stopped = 0, True
    while stopped:
        number += 1
        cloud.reset()
        prepare()
        fault.arm(number)
        action(code=None)
        stopped = fault.disarm()
        action(code=0)
        assert cloud.state() == wanted, f"it was stopped at call {number}"
        if served:
            assert record(cloud) == served, f"it was stopped at call {number}"
    return number


def record(cloud):
    """What is written on the endpoint: the config that serves, and the one before."""
    tags = cloud.tags()
    return tags["unet-inference:serves"], tags.get("unet-inference:served-before")


@pytest.mark.parametrize("kind", [(), ("--async", "s3://unet-test/answers/")])
def test_a_deployment_is_stopped_at_any_call(cloud, deploy, fault, kind):
    def action(code):
        return deploy("--max-instances", "3", *kind, code=code)

    action(code=0)
    wanted, served = cloud.state(), record(cloud)
    assert stop_at_each_call(cloud, fault, lambda: None, action, wanted, served) > 7


def test_an_update_is_stopped_at_any_call(cloud, deploy, fault):
    def action(code):
        return deploy(*NEW, code=code)

    deploy()
    action(code=0)
    wanted, served = cloud.state(), record(cloud)
    assert served == (wanted["endpoints"][0][1], *set(wanted["configs"]) - {served[0]})
    assert stop_at_each_call(cloud, fault, deploy, action, wanted, served) > 6


def test_another_machine_is_stopped_at_any_call(cloud, deploy, fault):
    """Autoscaling ends for the time of the update, and begins again."""

    def prepare():
        deploy("--max-instances", "3")

    def action(code):
        return deploy("--max-instances", "3", "--instance-type", "ml.m5.xlarge", code=code)

    prepare()
    action(code=0)
    wanted, served = cloud.state(), record(cloud)
    assert wanted["targets"] == [(1, 3)]
    assert stop_at_each_call(cloud, fault, prepare, action, wanted, served) > 7


def test_a_deletion_is_stopped_at_any_call(cloud, deploy, fault):
    def prepare():
        deploy("--max-instances", "2", "--async", "s3://unet-test/answers/")

    def action(code):
        return run(delete, "cells", "--yes", code=code)

    assert stop_at_each_call(cloud, fault, prepare, action, NOTHING) > 7


def test_a_component_is_stopped_at_any_call(cloud, deploy, fault):
    def action(code):
        return deploy("--max-copies", "2", script=deploy_component, code=code)

    action(code=0)
    wanted, served = cloud.state(), record(cloud)
    assert len(wanted["policies"]) == 2
    assert stop_at_each_call(cloud, fault, lambda: None, action, wanted, served) > 7


def test_the_deletion_of_a_component_is_stopped_at_any_call(cloud, deploy, fault):
    def prepare():
        deploy(script=deploy_component)

    def action(code):
        return run(delete, "cells", "--yes", code=code)

    assert stop_at_each_call(cloud, fault, prepare, action, NOTHING) > 7


def test_scaling_that_goes_on_by_itself_is_not_lost_unsaid(cloud, deploy):
    """Nobody asks for it, and the machine is another one: it is ended and begun again."""
    kind = ("--async", "s3://unet-test/answers/")
    number, refused, lost = 0, True, 0
    while refused:
        number += 1
        cloud.reset()
        deploy("--max-instances", "3", *kind)
        cloud.fail(number)
        first = deploy(*kind, "--instance-type", "ml.m5.xlarge", code=None)
        refused = cloud.fail(0)
        deploy(*kind, "--instance-type", "ml.m5.xlarge")
        state = cloud.state()
        if (state["targets"], state["policies"]) != ([(0, 3)], ["cells-backlog", "cells-wake"]):
            lost += 1
            assert first.exit_code == 1, f"call {number} was refused"
            assert "could not be begun again" in first.output, f"call {number} was refused"
            assert "it went from 0 to 3: run scripts/aws/deploy.py with" in first.output
    assert number > 12
    assert lost <= 4  # the calls that begin it again


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
