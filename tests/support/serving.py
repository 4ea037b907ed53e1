"""The real server, for tests: started on a free port, sent requests, and stopped."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import requests

from lib.server import ServerProcess, ping

PATIENCE = 120.0  # seconds, for what takes a few: the machine may be busy


class Client:
    """Sends requests to a server that listens at ``url``."""

    def __init__(self, url: str):
        self.url = url

    def ping(self) -> int | None:
        """The status of /ping; None where nothing listens."""
        return ping(self.url)

    def invoke(self, body: bytes, path: str = "/invocations", **options: Any) -> requests.Response:
        """Post a body; ``options`` are those of ``requests.post``."""
        return requests.post(self.url + path, body, timeout=PATIENCE, **options)

    def load(self, name: str, model_dir: str | Path) -> requests.Response:
        """Load a model, in multi-model mode."""
        model = {"model_name": name, "url": str(model_dir)}
        return requests.post(f"{self.url}/models", json=model, timeout=PATIENCE)


class Server(ServerProcess, Client):
    """Our own server, as a process of this machine."""

    def java(self) -> psutil.Process:
        """The process of MMS."""
        return next(process for process in self.descendants() if process.name() == "java")


serve = Server.serve


def until(condition: Callable[[], object]) -> None:
    """Wait until ``condition`` holds; the test fails where that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.02)
