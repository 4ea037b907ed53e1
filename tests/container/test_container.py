"""The image as SageMaker and others would run it, and what may go wrong there."""

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lib.docker import docker
from support import bodies, containers, tiny_models
from support.serving import PATIENCE, until

pytestmark = pytest.mark.container

PNG = {"Content-Type": "image/png"}
TEXT = {"Content-Type": "text/plain"}

# does what the body says, and leaves a file when it begins
SCRIPT = b"""
import pathlib, time

def transform_fn(model, body, content_type, accept):
    command, argument = body.decode().split()
    pathlib.Path("/tmp/begun").touch()
    if command == "take":
        kept = [b"x" * 2**24 for _ in range(int(argument) // 16)]
    time.sleep(float(argument))
    return body, "text/plain"
"""


def segment(container, sample):
    return container.invoke(sample, headers=PNG)


@pytest.fixture
def identity(tmp_path):
    """A model directory: the probability of a pixel is its intensity."""
    folder = tiny_models.save(tiny_models.identity(), tmp_path / "identity")
    folder.chmod(0o755)
    return folder


@pytest.fixture
def obedient(run, identity):
    """A container whose requests do as they say; see SCRIPT."""
    (identity / "code").mkdir()
    (identity / "code" / "inference.py").write_bytes(SCRIPT)

    def start(*options, **arguments):
        return run("--volume", f"{identity}:/opt/ml/model:ro", *options, **arguments)

    return start


@pytest.fixture
def threads():
    with ThreadPoolExecutor(8) as pool:
        yield pool


# --- it runs anywhere


@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="as root"),
        pytest.param(["--user", "12345:12345"], id="as a user that the image does not know"),
        pytest.param(["--read-only", "--tmpfs", "/tmp"], id="on a read-only file system"),
        pytest.param(
            ["--read-only", "--tmpfs", "/tmp", "--user", "12345", "--cap-drop", "ALL"],
            id="all that",
        ),
    ],
)
def test_it_answers_the_mask_of_the_demo(run, sample, mask, options):
    with run(*options) as container:
        answer = segment(container, sample)
        assert answer.status_code == 200, answer.text
        assert answer.content == mask
        docker("stop", container.id)
        assert container.state()["ExitCode"] == 0


def test_a_mounted_model_replaces_the_embedded_one(run, identity):
    with run("--volume", f"{identity}:/opt/ml/model:ro") as container:
        answer = segment(container, bodies.png(np.array([[0, 127, 128, 255]], np.uint8)))
        assert bodies.read(answer.content, "image/png").tolist() == [[0, 0, 255, 255]]


def test_workers_threads_and_heap_follow_the_cgroup(run, sample, mask):
    with run("--cpus", "1", "--memory", "2g") as container:
        log = container.log()
        assert "workers 1, threads of each 1, CPUs 1" in log
        [memory] = re.findall(r"free memory (\d+) MB", log)
        assert 1024 < int(memory) <= 2048
        [heap] = re.findall(r"heap of up to (\d+) MB", log)
        assert 400 < int(heap) <= 512
        assert segment(container, sample).content == mask


def test_it_binds_to_the_port_of_its_setting(run, sample, mask):
    with run("--env", "SAGEMAKER_BIND_TO_PORT=8199", port=8199) as container:
        assert segment(container, sample).content == mask


def test_with_standard_input_closed(sample, mask, image):
    script = "exec python3 /home/model-server/entrypoint.py serve <&-"
    arguments = ("--entrypoint", "bash", image, "-c", script)
    with containers.container(*arguments) as container:
        assert segment(container, sample).content == mask


def test_without_network(run):
    with run("--network", "none", ready=False) as container:
        code = (
            "from urllib.request import urlopen as o; print(o('http://127.0.0.1:8080/ping').status)"
        )

        def is_ready():
            assert container.state()["Running"], container.log()
            return docker("exec", container.id, "python3", "-c", code, check=False) == "200"

        until(is_ready)


def test_commands_run(image):
    assert docker("run", "--rm", image, "bash", "-c", "echo $0 said hello", "bash") == (
        "bash said hello"
    )


def test_docker_sees_its_health(run):
    with run("--health-interval", "1s") as container:
        until(lambda: container.state()["Health"]["Status"] == "healthy")


def test_labels_of_sagemaker(image):
    labels = json.loads(docker("inspect", "--format", "{{json .Config.Labels}}", image))
    assert labels["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"
    assert labels["com.amazonaws.sagemaker.capabilities.multi-models"] == "true"


def test_nothing_in_it_that_serving_does_not_need(image):
    unneeded = r"-type d \( -name tests -o -path '*/tensorflow/include' \) -o -name '*.java'"
    find = f"find /opt /home {unneeded}; find /root/.cache /tmp/* /var/lib/apt/lists/* 2>/dev/null"
    assert docker("run", "--rm", image, "bash", "-c", find + "; true") == ""


# --- logs


def test_a_line_for_each_request(run, sample):
    with run("--env", "UNET_METRICS=emf") as container:
        answers = [segment(container, sample), container.invoke(b"{}", headers=TEXT)]
        answers.append(container.invoke(b"{}", "/nowhere"))
        answered, refused, unknown = container.request_lines()
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert [line["request_id"] for line in (answered, refused, unknown)] == ids
    assert [line["status"] for line in (answered, refused, unknown)] == [200, 415, 404]
    assert answered["model"] == "model"
    assert answered["content_type"] == answered["answer_type"] == "image/png"
    assert (answered["shape"], answered["tiles"]) == ([512, 512], 1)
    assert answered["bytes_in"] == len(sample)
    assert answered["bytes_out"] == len(answers[0].content)
    assert all(answered[f"{stage}_ms"] > 0 for stage in ("decode", "predict", "encode"))
    assert answered["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "unet-inference"
    assert refused["error"] == answers[1].json()["message"]
    assert unknown["request"] == "POST /nowhere"
    assert "x-unet-logged" not in answers[0].headers


def test_the_log_level_holds(run, sample):
    with run("--env", "SAGEMAKER_CONTAINER_LOG_LEVEL=ERROR") as container:
        assert segment(container, sample).status_code == 200
        assert container.invoke(b"{}", headers=TEXT).status_code == 415
        assert container.request_lines() == []


# --- faults


def test_workers_are_killed_in_mid_request(obedient, threads):
    with obedient() as container:
        cut = threads.submit(container.invoke, b"sleep 60", headers=TEXT)
        until(lambda: "begun" in container.execute("ls", "/tmp"))
        container.kill_workers()
        assert cut.result().status_code == 500
        assert container.ping() == 503
        assert container.invoke(b"sleep 0", headers=TEXT).text == "sleep 0"
        assert container.ping() == 200


def test_a_model_that_cannot_load(run):
    files = {"/opt/ml/model/unet-membrane.keras": b"nonsense"}
    with run(ready=False, files=files) as container:
        assert container.wait() == 1
        last = container.log().splitlines()[-1]
        assert last.startswith("error: the model cannot be served: unet-membrane.keras cannot be")


def test_a_setting_that_is_impossible(run):
    with run("--env", "UNET_THRESHOLD=2", ready=False) as container:
        assert container.wait() == 2
        assert container.log().startswith("error: UNET_THRESHOLD is '2'; it must be a number")


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        pytest.param((16000, 16000), ["--memory", "1500m"], id="to decode it"),
        pytest.param(
            (4096, 4096), ["--memory", "2g", "--env", "UNET_TILE_SIZE=4096"], id="to segment it"
        ),
    ],
)
def test_a_request_that_needs_more_memory_than_there_is(run, sample, mask, shape, options):
    with run(*options) as container:
        large = bodies.npz(np.zeros(shape, np.uint8))
        answer = container.invoke(large, headers={"Content-Type": "application/x-npz"})
        assert answer.status_code == 507
        assert "MB are left" in answer.json()["message"]
        assert segment(container, sample).content == mask


def test_the_kernel_ends_a_worker_that_takes_all_memory(obedient):
    with obedient("--memory", "2g", "--memory-swap", "2g") as container:
        assert container.invoke(b"take 4096", headers=TEXT).status_code == 500
        assert container.invoke(b"sleep 0", headers=TEXT).text == "sleep 0"
        assert container.state()["Running"]


def test_a_client_that_hangs_blocks_no_other(run, sample, mask):
    with run() as container:
        host, port = container.url.removeprefix("http://").split(":")
        hanging = []
        for _ in range(20):
            client = socket.create_connection((host, int(port)), PATIENCE)
            hanging.append(client)
            client.sendall(
                b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
                b"Content-Length: %d\r\n\r\n" % len(sample) + sample[: len(sample) // 2]
            )
        assert segment(container, sample).content == mask
        for client in hanging:
            client.close()


def test_a_full_queue(obedient, threads):
    with obedient("--env", "MMS_JOB_QUEUE_SIZE=2") as container:
        requests = [threads.submit(container.invoke, b"sleep 2", headers=TEXT) for _ in range(8)]
        answers = [request.result() for request in requests]
        refused = [answer for answer in answers if answer.status_code != 200]
        assert {answer.status_code for answer in refused} == {503}
        assert all(answer.headers["Retry-After"] for answer in refused)
        assert 4 <= len(refused) <= 6


def test_sigterm_drains(obedient, threads):
    with obedient() as container:
        request = threads.submit(container.invoke, b"sleep 3", headers=TEXT)
        until(lambda: "begun" in container.execute("ls", "/tmp"))
        docker("stop", "--time", "30", container.id)
        assert request.result().text == "sleep 3"
        assert container.state()["ExitCode"] == 0
