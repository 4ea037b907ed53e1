"""The servers that are measured: ours, the stock stack, and other people's."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import click
import psutil
import requests

from images import Body
from lib.server import ENTRYPOINT, ServerProcess, free_port
from timing import Row, percentiles

HERE = Path(__file__).resolve().parent
PEERS = {"FastAPI": "fastapi_server", "LitServe": "litserve_server", "BentoML": "bentoml_server"}
PEERS_VENV = HERE.parent / ".venv-peers"
REQUEST_SECONDS = 1200


class Server(ServerProcess):
    """A server under measurement.

    Attributes:
        failures: how many requests were not answered 200.
    """

    def __init__(
        self, command: Sequence[str | Path], port: int, tmp: Path, log: Path, **environment: str
    ):
        super().__init__(command, port, tmp, log, **environment)
        self._sessions = threading.local()
        self.failures = 0

    def post(self, body: bytes, content_type: str) -> float:
        """The seconds that a request took, as the client sees it."""
        if not hasattr(self._sessions, "one"):
            self._sessions.one = requests.Session()
        begun = time.perf_counter()
        answer = self._sessions.one.post(
            f"{self.url}/invocations",
            body,
            headers={"Content-Type": content_type, "Accept": content_type},
            timeout=REQUEST_SECONDS,
        )
        seconds = time.perf_counter() - begun
        if answer.status_code != 200 or not answer.content:
            self.failures += 1
        return seconds

    def check(self) -> None:
        """End with the server's log, if a request failed.

        Raises:
            click.ClickException: one did.
        """
        if self.failures:
            raise click.ClickException(f"{self.failures} requests failed:\n{self.log()[-5000:]}")

    def cpu_seconds(self) -> float:
        """CPU time of all its processes, since they began."""
        times = [process.cpu_times() for process in self._family()]
        return sum(t.user + t.system for t in times)

    def peak_bytes(self) -> int:
        """The largest memory that any of its Python processes has had so far."""
        peaks = [0]
        for process in self._family():
            with contextlib.suppress(OSError, psutil.NoSuchProcess):
                if process.name() != "java":
                    status = Path(f"/proc/{process.pid}/status").read_text()
                    peaks += [1024 * int(kb) for kb in re.findall(r"VmHWM:\s+(\d+)", status)]
        return max(peaks)

    def _family(self) -> list[psutil.Process]:
        return [psutil.Process(self.process.pid), *self.descendants()]


def ours(model_dir: Path, **settings: str) -> AbstractContextManager[Server]:
    """Our server, as it is in this checkout."""
    return of_checkout(ENTRYPOINT, model_dir, **settings)


def of_checkout(
    entrypoint: Path, model_dir: Path | None, **settings: str
) -> AbstractContextManager[Server]:
    """Our server, as it is in the checkout of that entrypoint; None: settings name the model."""
    return Server.serve(model_dir, entrypoint=entrypoint, ready=True, log=None, **settings)


@contextlib.contextmanager
def stock(model_dir: Path) -> Iterator[Server]:
    """The toolkit and MMS with their defaults: a worker per CPU, a thread each."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        Path(folder, "model").symlink_to(model_dir)
        environment = {
            "SAGEMAKER_BASE_DIR": folder,
            "MMS_INFERENCE_ADDRESS": f"http://127.0.0.1:{port}",
            "MMS_MANAGEMENT_ADDRESS": f"http://127.0.0.1:{free_port()}",
            # where the toolkit finds multi-model-server
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        command: list[str | Path] = [sys.executable, HERE / "stock" / "entrypoint.py"]
        with Server.start(command, port, log=None, **environment) as server:
            # its /ping says yes before there is a model; the first request waits for that
            server.wait_until_it_answers()
            yield server


@contextlib.contextmanager
def peer(name: str, model_dir: Path) -> Iterator[Server]:
    """One of PEERS, with the ``.keras`` file of a model's directory."""
    port = free_port()
    [model] = model_dir.glob("*.keras")
    command = [PEERS_VENV / "bin" / "python", HERE / "peers" / f"{PEERS[name]}.py"]
    with Server.start(command, port, MODEL=str(model), PORT=str(port)) as server:
        server.wait_until_it_answers()
        yield server


def install_peers() -> None:
    """Make the virtual environment of the other servers, unless it is there."""
    requirements = HERE / "peers" / "requirements.txt"
    done = PEERS_VENV / "installed"
    if done.exists() and done.read_text() == requirements.read_text():
        return
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "-q", "--clear", "-p", sys.executable, PEERS_VENV], check=True)
    python = PEERS_VENV / "bin" / "python"
    subprocess.run(
        [uv, "pip", "install", "-q", "-p", python, "--require-hashes", "-r", requirements],
        check=True,
    )
    done.write_text(requirements.read_text())


def at_once(server: Server, body: Body, clients: int, count: int) -> Row:
    """Post a body so many times in all, with so many clients at once."""
    failures, cpu, begun = server.failures, server.cpu_seconds(), time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        waited = list(pool.map(lambda _: server.post(*body), range(count)))
    seconds = time.perf_counter() - begun
    return percentiles(waited) | {
        "images/s": round(count / seconds, 2),
        "CPU-s per image": round((server.cpu_seconds() - cpu) / count, 3),
        "peak MB of a worker": round(server.peak_bytes() / 1e6),
        "failed": server.failures - failures,
    }
