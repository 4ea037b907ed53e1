"""compose.yaml, run by Docker Compose itself: one command, and images are masked."""

import os
import subprocess

import pytest
import requests

from lib.environments import python_of
from lib.server import free_port
from support.containers import ROOT

pytestmark = pytest.mark.container
REQUIREMENTS = ROOT / "tests" / "fixtures" / "manifests" / "requirements.txt"
PROJECT = f"unet-test-{os.getpid()}"


@pytest.fixture(scope="module")
def compose(image):
    """Run `docker compose` with the image of this run, on a port of its own; the port."""
    program = python_of(ROOT / ".venv-manifests", REQUIREMENTS).with_name("docker-compose")
    port = free_port()
    environment = os.environ | {"IMAGE": image, "PORT": str(port)}

    def compose(*arguments):
        command = [program, "--project-name", PROJECT, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        yield compose, f"http://127.0.0.1:{port}"
    finally:
        compose("down", "--volumes", "--timeout", "5")


def test_one_command(compose, sample, mask):
    run, url = compose
    run("up", "--detach", "--wait", "--no-build")  # waits until it is healthy
    answer = requests.post(
        f"{url}/invocations", sample, headers={"Content-Type": "image/png"}, timeout=120
    )
    assert (answer.status_code, answer.content) == (200, mask)
    page = requests.get(url, timeout=30)
    assert (page.status_code, page.headers["Content-Type"].split(";")[0]) == (200, "text/html")
    run("stop")
    assert run("ps", "--all", "--format", "{{.ExitCode}}").split() == ["0"]  # it drained, in time
