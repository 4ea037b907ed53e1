"""The real server, for tests: started on a free port, waited for, and stopped."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import requests

from demo import free_port

ENTRYPOINT = Path(__file__).resolve().parent.parent / "inference" / "entrypoint.py"
PATIENCE = 120.0  # seconds, for what takes a few: the machine may be busy


class Client:
    """Asks a server that listens at ``url``."""

    def __init__(self, url: str):
        self.url = url

    def ping(self) -> int | None:
        """The status of /ping; None where nothing listens."""
        try:
            return requests.get(f"{self.url}/ping", timeout=10).status_code
        except requests.RequestException:
            return None

    def invoke(self, body: bytes, path: str = "/invocations", **options: Any) -> requests.Response:
        return requests.post(self.url + path, body, timeout=PATIENCE, **options)

    def load(self, name: str, model_dir: str | Path) -> requests.Response:
        """Load a model, in multi-model mode."""
        named = {"model_name": name, "url": str(model_dir)}
        return requests.post(f"{self.url}/models", json=named, timeout=PATIENCE)


class Server(Client):
    """A server under test.

    Attributes:
        url: where it listens, without a slash at the end.
        port: of that.
        process: the entrypoint.
        tmp: its folder for temporary files.
    """

    def __init__(self, command: list[str], environment: dict[str, str], tmp: Path, log: Path):
        self.port = free_port()
        super().__init__(f"http://127.0.0.1:{self.port}")
        self.tmp = tmp
        self._log = log
        own = {"MMS_INFERENCE_ADDRESS": self.url, "TMPDIR": str(tmp)}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                env=os.environ | own | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def descendants(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def terminate(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        return self.process.wait(PATIENCE)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.terminate()
        return self.wait()

    def is_ready(self) -> bool:
        assert self.process.poll() is None, f"the server ended:\n{self.log()}"
        return self.ping() == 200


def until(condition: Callable[[], object]) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.02)


@contextlib.contextmanager
def serve(
    model_dir: Path | None, *, entrypoint: Path = ENTRYPOINT, ready: bool = True, **environment: str
) -> Iterator[Server]:
    """Start a server, and wait until it is ready; at the end nothing of it is left running.

    Args:
        model_dir: of the model; None leaves it to ``environment``.
        ready: whether to wait.
        environment: variables on top of those of this process.
    """
    if model_dir:
        environment["UNET_MODEL_DIR"] = str(model_dir)
    with tempfile.TemporaryDirectory(prefix="unet-test-") as folder:
        tmp = Path(folder, "tmp")
        tmp.mkdir()
        command = [sys.executable, str(entrypoint), "serve"]
        server = Server(command, environment, tmp, Path(folder, "log"))
        try:
            if ready:
                until(server.is_ready)
            yield server
        finally:
            if server.process.poll() is None:
                server.stop()
