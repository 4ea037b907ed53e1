"""invoke.py and asynchronous endpoints: what is sent, waited for, shown and removed."""

import datetime
import threading
import time

import pytest
import requests

from aws import invoke
from aws.lib import asynchronous
from aws.lib.asynchronous import AsyncEndpoint, Backlog
from aws.lib.services import Refused
from support import bodies
from support.commands import run

PREFIX = "s3://unet-test/images"
ANSWER = ("s3://unet-test/answers/1.out", "s3://unet-test/answers/failed/1.out")


@pytest.fixture
def results(cloud):
    """Give what the endpoint answers next."""

    def results(data, is_failure=False):
        answer = {"data": data, "is_failure": is_failure}
        told = {"account_id": "123456789012", "region": "eu-central-1", "results": [answer]}
        url = f"{cloud.url}/moto-api/static/sagemaker/async-endpoint-results"
        assert requests.post(url, json=told, timeout=10).ok

    return results


@pytest.fixture
def sent(monkeypatch):
    """The requests that are sent to the endpoint."""
    sent = []
    make = AsyncEndpoint.__init__

    def make_and_record(self, *arguments):
        make(self, *arguments)
        events = self._runtime.meta.events
        name = "provide-client-params.sagemaker-runtime.InvokeEndpointAsync"
        events.register(name, lambda params, **_: sent.append(dict(params)))

    monkeypatch.setattr(AsyncEndpoint, "__init__", make_and_record)
    return sent


@pytest.fixture
def image(tmp_path):
    image = tmp_path / "a.png"
    image.write_bytes(bodies.png(bodies.STACK[0]))
    return image


@pytest.fixture
def endpoint(cloud, monkeypatch):
    monkeypatch.setattr(AsyncEndpoint, "POLL_SECONDS", 0.02)
    return AsyncEndpoint(cloud.aws, "cells", PREFIX)


def keys(cloud, prefix):
    listed = cloud.aws("s3").list_objects_v2(Bucket="unet-test", Prefix=prefix)
    return [item["Key"] for item in listed.get("Contents", [])]


def test_an_answer(cloud, results, sent, image, tmp_path):
    results("mask")
    options = ("--endpoint", "cells", "--async", PREFIX, "--async-seconds", "90")
    run(invoke, image, *options, "-o", tmp_path / "out")
    [file] = (tmp_path / "out").iterdir()
    assert file.read_bytes() == b"mask"
    [request] = sent
    assert request["InputLocation"].startswith(f"{PREFIX}/")
    assert (request["InvocationTimeoutSeconds"], request["RequestTTLSeconds"]) == (90, 21600)
    assert keys(cloud, "images/") == []  # what was sent is removed


def test_a_failure_is_shown_as_it_was(cloud, results, image, tmp_path):
    results("Received client error (400) from primary", is_failure=True)
    options = ("--endpoint", "cells", "--async", PREFIX, "-o", tmp_path / "out")
    output = run(invoke, image, *options, code=1).output
    assert "Received client error (400) from primary" in output
    assert keys(cloud, "images/") == []


def test_a_refused_request_leaves_nothing(cloud, image, tmp_path):
    cloud.fail(2)  # the first one puts the image
    options = ("--endpoint", "cells", "--async", PREFIX, "-o", tmp_path / "out")
    output = run(invoke, image, *options, code=1).output
    assert "invoker-policy.json" in output
    assert keys(cloud, "images/") == []


def test_how_many_wait_is_shown_until_there_is_an_answer(cloud, endpoint, monkeypatch, capsys):
    monkeypatch.setattr(asynchronous, "BACKLOG_SECONDS", 0.1)
    endpoint._backlog = Backlog(cloud.aws, "cells")
    monkeypatch.setattr(asynchronous, "BACKLOG_SECONDS", 60)  # as far back as it looks
    cloud.aws("cloudwatch").put_metric_data(
        Namespace="AWS/SageMaker",
        MetricData=[
            {
                "MetricName": "ApproximateBacklogSize",
                "Dimensions": [{"Name": "EndpointName", "Value": "cells"}],
                "Value": 7,
                "Timestamp": datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=30),
            }
        ],
    )
    found = []
    waiting = threading.Thread(target=lambda: found.append(endpoint._await(*ANSWER)))
    waiting.start()
    shown = ""
    deadline = time.monotonic() + 60
    while "7 requests wait" not in shown and time.monotonic() < deadline:
        shown += capsys.readouterr().out
        time.sleep(0.02)
    assert "cells: 7 requests wait or are computed" in shown
    assert not found
    cloud.put("answers/1.out", b"mask")
    waiting.join(60)
    [(answer, failure)] = found
    assert (answer["Body"].read(), failure) == (b"mask", None)


def test_it_is_waited_for_as_long_as_sagemaker_may_take(cloud, endpoint, monkeypatch):
    clock = iter(range(0, 10**6, 3600))
    monkeypatch.setattr(asynchronous.time, "monotonic", lambda: next(clock))
    endpoint._backlog.show = lambda: None
    assert endpoint._await(*ANSWER) == (None, None)
    assert next(clock) > asynchronous.QUEUE_SECONDS + asynchronous.MOST_SECONDS


def test_whoever_stops_is_told_where_the_answer_will_be(endpoint):
    endpoint.stop()
    with pytest.raises(Refused, match="SageMaker goes on, and its answer will be s3://unet-test"):
        endpoint._await(*ANSWER)
