"""Settings that Multi Model Server, or Java, would not take as they are meant."""

import os
import random
import socket
import subprocess
import sys

import pytest

from lib.server import ENTRYPOINT
from support.serving import PATIENCE, Server, until
from support.stand_in import invoke_text


def high_port():
    """A free port above those that MMS takes."""
    for port in random.sample(range(33_000, 65_536), 100):
        with socket.socket() as candidate:
            if candidate.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("no port is free")


def test_high_ports_names_that_are_not_ascii_and_slow_loads(entrypoint, tmp_path):
    """With a model that takes longer to load than requests may."""
    model_dir = tmp_path / "größe 細胞"
    model_dir.mkdir()
    (model_dir / "wait").touch()
    variables = {
        "SAGEMAKER_BIND_TO_PORT": str(high_port()),
        "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "1",
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        "UNET_MODEL_DIR": str(model_dir),
        "LC_ALL": "C",
    }
    command = [sys.executable, entrypoint, "serve"]
    with Server.start(command, int(variables["SAGEMAKER_BIND_TO_PORT"]), **variables) as server:
        server.wait_until_it_answers()
        assert server.ping() == 503
        workers = {process.pid for process in server.descendants()}
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(3)  # it would have ended, after one second
        assert {process.pid for process in server.descendants()} >= workers
        (model_dir / "wait").unlink()
        server.wait_until_ready()
        assert invoke_text(server, b"hello").text == "hello 5"
        answer = invoke_text(server, b"sleep 600")
        assert answer.status_code == 503
        assert "given up after 1 s (SAGEMAKER_MODEL_SERVER_TIMEOUT" in answer.json()["message"]
        until(lambda: invoke_text(server, b"hello").status_code == 200)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SAGEMAKER_BIND_TO_PORT", "65536"),
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "3000"),
        ("SAGEMAKER_MULTI_MODEL", "maybe"),
        ("MMS_MAX_REQUEST_SIZE", "1"),
        ("MMS_INFERENCE_ADDRESS", "localhost"),
        ("MMS_JOB_QUEUE_SIZE", "0"),
        pytest.param(
            *("UNET_CACHE_DIR", "/proc"),
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="others know that they cannot"),
        ),
    ],
)
def test_what_cannot_be_is_named_in_the_last_line(name, value, tmp_path):
    done = subprocess.run(
        [sys.executable, ENTRYPOINT, "serve"],
        env=os.environ | {"UNET_MODEL_DIR": str(tmp_path), name: value},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"error: {name} is {value!r}; it must ")
