"""The scripts that make, change and delete endpoints, against an AWS API over HTTP."""

import json
import shlex
import time

import pytest

from aws import delete, rollback, status
from aws.lib import inventory
from aws.lib.calls import Call
from aws.lib.logs import of_endpoint
from support.commands import run

NOTHING = {name: [] for name in ("endpoints", "configs", "models", "alarms", "targets", "policies")}
NEW = ("--env", "UNET_THRESHOLD=0.4")  # makes another model, and so another config


@pytest.fixture
def sent(monkeypatch):
    """What is sent to change something."""
    sent = []
    send = Call.run
    monkeypatch.setattr(Call, "run", lambda call, aws: sent.append(call) or send(call, aws))
    return sent


def test_a_dry_run_prints_what_would_be_sent_and_changes_nothing(cloud, deploy, sent):
    printed = deploy("--max-instances", "3", "--dry-run").stdout
    assert cloud.state() == NOTHING
    assert sent == []
    deploy("--max-instances", "3")
    assert [call for call in sent if call.operation != "add_tags"]
    for call in sent:
        assert call.operation == "add_tags" or call.as_cli() in printed
    name, *_, argument = shlex.split(sent[0].as_cli())
    assert (name, json.loads(argument)) == ("aws", sent[0].parameters)


# --- the life of an endpoint


def test_from_nothing_and_back(cloud, deploy):
    assert "cells serves" in deploy("--max-instances", "3").output
    first = cloud.state()
    assert first["endpoints"] == [("cells", first["configs"][0])]
    assert len(first["models"]) == 1
    [config] = first["configs"]
    assert first["alarms"] == [f"{config}-5xx", f"{config}-latency"]
    assert first["targets"] == [(1, 3)]
    assert first["policies"] == ["cells-concurrency"]

    deploy("--max-instances", "4", *NEW)  # an update, and another limit
    second = cloud.state()
    assert second["endpoints"] != first["endpoints"]
    assert set(first["configs"]) < set(second["configs"])
    assert second["targets"] == [(1, 4)]

    shown = run(status, "cells").output
    assert "InService" in shown
    assert "1 to 4 instances" in shown
    assert f"{config} (served before; scripts/aws/rollback.py goes back to it)" in shown
    assert f"{config}-5xx" in shown
    assert "cells " in run(status).output

    run(rollback, "cells")
    assert cloud.state()["endpoints"] == first["endpoints"]
    run(rollback, "cells")
    assert cloud.state()["endpoints"] == second["endpoints"]

    deploy()
    assert cloud.state()["targets"] == [(1, 4)]  # autoscaling goes on
    deploy("--no-scaling")
    assert (cloud.state()["targets"], cloud.state()["policies"]) == ([], [])

    assert "nothing is left" in run(delete, "cells", "--yes").output
    assert cloud.state() == NOTHING


def test_the_same_again_changes_nothing(cloud, deploy, sent):
    deploy()
    before, tags = cloud.state(), cloud.tags()
    sent.clear()
    deploy()
    assert (cloud.state(), cloud.tags()) == (before, tags)
    assert {call.operation for call in sent} == {"put_metric_alarm"}  # says the same again


def test_older_versions_are_removed(cloud, deploy):
    for threshold in ("0.1", "0.2", "0.3", "0.4"):
        deploy("--env", f"UNET_THRESHOLD={threshold}")
    state = cloud.state()
    assert (len(state["configs"]), len(state["models"]), len(state["alarms"])) == (2, 2, 4)


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
    assert f"({before['configs'][0]} serves, as before)" in output
    assert cloud.state() == before


def test_a_failed_update_shows_the_log_of_what_failed(cloud, deploy):
    logs, group = cloud.aws("logs"), of_endpoint("cells")
    deploy()
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="AllTraffic/old")
    later = (time.time_ns() // 1_000_000) + 60_000  # the old fleet writes all the time
    events = [{"timestamp": later, "message": "all is well"}]
    logs.put_log_events(logGroupName=group, logStreamName="AllTraffic/old", logEvents=events)
    output = deploy(image="broken", code=1).output
    assert "error: the model cannot be served: it is broken" in output
    assert "all is well" not in output
    assert "--health-timeout" in output


def test_what_serves_is_written_on_an_endpoint_that_is_made_anew(cloud, deploy):
    deploy()
    before = cloud.tags()
    cloud.set("status", "Failed")
    deploy()
    assert cloud.tags() == before


def test_tags_of_an_existing_endpoint(cloud, deploy):
    deploy("--tag", "team=cells")
    assert cloud.tags()["team"] == "cells"
    before = cloud.state()
    deploy("--tag", "team=membranes", "--tag", "project=a=b")
    assert cloud.state() == before
    assert {"team": "membranes", "project": "a=b"}.items() <= cloud.tags().items()


# --- misuse and refusals


def test_costly_and_meant(cloud, deploy):
    deploy("--max-instances", "5", "--yes")
    assert cloud.state()["targets"] == [(1, 5)]


@pytest.mark.parametrize("name", ["", "a b", "-cells", "cells_1", "ü", "c" * 53])
@pytest.mark.parametrize("script", [status, rollback, delete])
def test_names_that_no_endpoint_has(cloud, script, name):
    output = run(script, "--", name, code=2).output
    assert f"{name!r} must have letters, digits and hyphens, 52 at most" in output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model", "s3://unet-test"), "is a whole bucket; give the key of a model.tar.gz"),
        (("--model", "s3://unet-test/"), "is a whole bucket; give the key of a model.tar.gz"),
        (("--model", "s3://unet-test/m.zip"), "no model.tar.gz, and no prefix of files"),
        (("--env", "1A=x"), "'1A' must have letters, digits and underscores"),
        (("--env", "A-B=x"), "'A-B' must have letters, digits and underscores"),
        (("--instance-type", "c7i.xlarge"), "'c7i.xlarge' must be such as ml.c7i.xlarge"),
        (("--vpc", "subnet-1,sg-1:sg-2"), "must be subnet-…,subnet-…:sg-…"),
        (("--vpc", "subnet-1:sg-2,"), "must be subnet-…,subnet-…:sg-…"),
    ],
)
def test_what_aws_would_refuse_is_refused_before(cloud, deploy, options, message):
    output = " ".join(deploy(*options, code=2).output.split())
    assert message in output
    assert cloud.state() == NOTHING


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
    cloud.fail(1)
    output = deploy(code=1).output
    assert "deployer-policy.json" in output
    assert len(output.strip().splitlines()) == 1


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


@pytest.mark.parametrize("status", ["Updating", "Deleting"])
def test_the_deletion_of_what_is_being_changed_waits(cloud, deploy, monkeypatch, status):
    """A second run after one that was cut off finds it being deleted, or an update on its way."""
    deploy()
    cloud.set("status", status)

    def settle(_):
        cloud.set("status", "InService")
        if status == "Deleting":
            cloud.aws("sagemaker").delete_endpoint(EndpointName="cells")

    monkeypatch.setattr(inventory.time, "sleep", settle)
    assert "nothing is left" in run(delete, "cells", "--yes").output
    assert cloud.state() == NOTHING


def test_deletion_of_images_artifacts_and_logs(cloud, deploy):
    deploy()
    cloud.aws("logs").create_log_group(logGroupName=of_endpoint("cells"))
    options = ("--images", "unet", "--artifacts", "s3://unet-test/models/", "--logs", "--yes")
    output = run(delete, "cells", *options).output
    assert "object s3://unet-test/models/cells.tar.gz" in output
    assert cloud.state() == NOTHING
    assert cloud.aws("ecr").describe_repositories()["repositories"] == []
    assert cloud.aws("logs").describe_log_groups()["logGroups"] == []
    assert "Contents" not in cloud.aws("s3").list_objects_v2(Bucket="unet-test")
