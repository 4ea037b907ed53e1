"""The scripts that make, change and delete endpoints, against an AWS API over HTTP."""

import json
import shlex
import time

from aws import delete, rollback, status
from aws.lib import deployment
from aws.lib.deployment import Call
from support.commands import run

NOTHING = {name: [] for name in ("endpoints", "configs", "models", "alarms", "targets", "policies")}
NEW = ("--env", "UNET_THRESHOLD=0.4")  # makes another model, and so another config


def test_dry_run_prints_the_requests_and_calls_nothing(cloud, deploy, monkeypatch):
    printed = deploy("--max-instances", "3", "--dry-run").stdout
    assert cloud.state() == NOTHING
    sent = []
    send = Call.run
    monkeypatch.setattr(Call, "run", lambda call, aws: sent.append(call) or send(call, aws))
    deploy("--max-instances", "3")
    for call in sent:
        request = {"service": call.service, "operation": call.operation}
        assert json.dumps(request | {"parameters": call.parameters}, indent=2) in printed
        assert call.as_cli() in printed
    name, *_, argument = shlex.split(sent[0].as_cli())
    assert (name, json.loads(argument)) == ("aws", sent[0].parameters)


# --- the life of an endpoint


def test_from_nothing_and_back(cloud, deploy):
    assert "cells serves" in deploy("--max-instances", "3").output
    first = cloud.state()
    assert first["endpoints"] == [("cells", first["configs"][0])]
    assert len(first["models"]) == 1
    assert first["alarms"] == ["cells-5xx", "cells-latency"]
    assert first["targets"] == [(1, 3)]
    assert first["policies"] == ["cells-invocations"]

    deploy("--max-instances", "4", *NEW)  # an update, and another limit
    second = cloud.state()
    assert second["endpoints"] != first["endpoints"]
    assert set(first["configs"]) < set(second["configs"])
    assert second["targets"] == [(1, 4)]

    shown = run(status, "cells").output
    assert "InService" in shown
    assert "1 to 4 instances" in shown
    assert "(kept)" in shown
    assert "cells-5xx" in shown
    assert "cells " in run(status).output

    run(rollback, "cells")
    assert cloud.state()["endpoints"] == first["endpoints"]
    run(rollback, "cells")
    assert cloud.state()["endpoints"] == second["endpoints"]

    deploy()  # no autoscaling any more
    assert cloud.state()["targets"] == []

    assert "nothing is left" in run(delete, "cells", "--yes").output
    assert cloud.state() == NOTHING


def test_the_same_again_changes_nothing(cloud, deploy, monkeypatch):
    deploy()
    before = cloud.state()
    sent = []
    send = Call.run
    monkeypatch.setattr(Call, "run", lambda call, aws: sent.append(call) or send(call, aws))
    deploy()
    assert cloud.state() == before
    assert {call.operation for call in sent} == {"put_metric_alarm"}  # says the same again


def test_older_versions_are_removed(cloud, deploy):
    for threshold in ("0.1", "0.2", "0.3", "0.4"):
        deploy("--env", f"UNET_THRESHOLD={threshold}")
    state = cloud.state()
    assert (len(state["configs"]), len(state["models"])) == (2, 2)


def test_endpoints_with_similar_names_are_left_alone(cloud, deploy):
    deploy()
    deploy(name="cells-2")
    run(delete, "cells", "--yes")
    state = cloud.state()
    assert [name for name, _ in state["endpoints"]] == ["cells-2"]
    assert (len(state["configs"]), len(state["models"]), len(state["alarms"])) == (1, 1, 2)


def test_an_update_that_fails_leaves_what_served(cloud, deploy):
    deploy()
    before = cloud.state()
    output = deploy(image="registry/broken:1", code=1).output
    assert "did not pass the ping health check" in output
    assert f"{before['configs'][0]} serves" in output
    assert cloud.state() == before


def test_a_failed_update_shows_the_last_log_lines(cloud, deploy):
    logs, group = cloud.aws("logs"), deployment.log_group("cells")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    text = "error: the model cannot be served"
    events = [{"timestamp": time.time_ns() // 1_000_000, "message": text}]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    deploy()
    assert text in deploy(image="broken", code=1).output


# --- interrupted anywhere


def refuse_each_call(cloud, prepare, action, wanted):
    """Refuse each call of an action in turn, then do it again: it ends as if nothing happened.

    Args:
        prepare: what was done before.
        action: runs a script, which must end with the exit code ``code``; None: any.
        wanted: the state at the end.

    Returns:
        The number of the first call that was not needed, or not made.
    """
    number, exit_code = 0, 1
    while exit_code != 0:
        number += 1
        cloud.reset()
        prepare()
        cloud.fail(number)
        exit_code = action(code=None).exit_code
        cloud.fail(0)
        action(code=0)
        assert cloud.state() == wanted, f"call {number} was refused"
    return number


def test_a_deployment_is_refused_at_any_call(cloud, deploy):
    def action(code):
        return deploy("--max-instances", "3", code=code)

    action(code=0)
    wanted = cloud.state()
    assert refuse_each_call(cloud, lambda: None, action, wanted) > 12


def test_an_update_is_refused_at_any_call(cloud, deploy):
    def action(code):
        return deploy(*NEW, code=code)

    deploy()
    action(code=0)
    wanted = cloud.state()
    assert refuse_each_call(cloud, deploy, action, wanted) > 12


def test_a_deletion_is_refused_at_any_call(cloud, deploy):
    def prepare():
        deploy("--max-instances", "3")

    def action(code):
        return run(delete, "cells", "--yes", code=code)

    assert refuse_each_call(cloud, prepare, action, NOTHING) > 12


def test_a_rollback_is_refused_at_any_call(cloud, deploy):
    def prepare():
        deploy()
        deploy(*NEW)

    prepare()
    served = cloud.state()["endpoints"]
    for number in range(1, 6):
        cloud.fail(number)
        run(rollback, "cells", code=1)
        cloud.fail(0)
        if cloud.state()["endpoints"] != served:  # the update was accepted before
            run(rollback, "cells")
        assert cloud.state()["endpoints"] == served


def test_what_a_refused_deployment_made_is_removed(cloud, deploy):
    for number in range(1, 12):
        cloud.reset()
        cloud.fail(number)
        result = deploy(code=1)
        cloud.fail(0)
        assert "error" in result.output.lower()
        if not cloud.state()["endpoints"]:
            assert cloud.state() == NOTHING, f"call {number} was refused"


# --- misuse and refusals


def test_costly_and_meant(cloud, deploy):
    deploy("--max-instances", "5", "--yes")
    assert cloud.state()["targets"] == [(1, 5)]


def test_a_missing_artifact(cloud, deploy):
    output = deploy(model="s3://unet-test/none.tar.gz", code=1).output
    assert "scripts/aws/package.py" in output
    assert cloud.state() == NOTHING


def test_no_credentials(cloud, deploy, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/none")
    assert "aws configure" in deploy(code=1).output


def test_no_region(cloud, deploy, monkeypatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    assert "--region" in deploy(code=1).output


def test_no_permission(cloud, deploy):
    cloud.fail(2)
    output = deploy(code=1).output
    assert "deployer-policy.json" in output
    assert len(output.strip().splitlines()) == 1


def test_nothing_to_roll_back_to(cloud, deploy):
    assert "there is no endpoint" in run(rollback, "cells", code=1).output
    deploy()
    assert "one configuration only" in run(rollback, "cells", code=1).output


def test_nothing_to_show_or_delete(cloud):
    assert "there is nothing of cells" in run(status, "cells", code=1).output
    assert "there is nothing of cells" in run(delete, "cells").output
    assert "there is no endpoint" in run(status).output


def test_deletion_asks(cloud, deploy):
    deploy()
    before = cloud.state()
    output = run(delete, "cells", stdin="n\n", code=1).output
    assert "endpoint cells" in output
    assert cloud.state() == before


def test_deletion_of_images_artifacts_and_logs(cloud, deploy):
    deploy()
    cloud.aws("ecr").create_repository(repositoryName="unet")
    cloud.aws("logs").create_log_group(logGroupName=deployment.log_group("cells"))
    options = ("--images", "unet", "--artifacts", "s3://unet-test/models/", "--logs", "--yes")
    output = run(delete, "cells", *options).output
    assert "object s3://unet-test/models/cells.tar.gz" in output
    assert cloud.state() == NOTHING
    assert cloud.aws("ecr").describe_repositories()["repositories"] == []
    assert cloud.aws("logs").describe_log_groups()["logGroups"] == []
    assert "Contents" not in cloud.aws("s3").list_objects_v2(Bucket="unet-test")
