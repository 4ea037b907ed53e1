"""The built image in a Docker engine, for tests."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from lib import docker as engine
from lib.docker import PORT, docker
from support.serving import Client, until

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "unet-inference"


def require_engine() -> None:
    """Skip the test where there is no engine; in CI that is a failure."""
    if shutil.which("docker") and "Server" in docker("version", check=False):
        return
    if os.environ.get("CI"):
        pytest.fail("there is no Docker engine", pytrace=False)
    pytest.skip("there is no Docker engine")


class Container(engine.Container, Client):
    """A container under test."""

    def request_lines(self) -> list[dict]:
        """The log's lines about requests."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]

    def is_ready(self) -> bool:
        assert self.state()["Running"], f"the container ended:\n{self.log()}"
        return self.ping() == 200


@contextlib.contextmanager
def container(
    *arguments: str | Path,
    port: int = PORT,
    ready: bool = True,
    files: Mapping[str, bytes] | None = None,
) -> Iterator[Container]:
    """``Container.run``, which waits until the container is ready, unless it is not to."""
    with Container.run(*arguments, port=port, files=files) as made:
        if ready:
            until(made.is_ready)
        yield made
