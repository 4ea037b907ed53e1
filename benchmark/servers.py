"""The servers that are measured: ours, the stock stack, and other people's."""

import contextlib
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import click
import psutil
import requests
from urllib3.util.wait import wait_for_read

from images import Body
from lib.environments import python_of
from lib.server import ENTRYPOINT, START_SECONDS, ServerProcess, free_port
from timing import Row, percentiles

HERE = Path(__file__).resolve().parent
PEERS = {"FastAPI": "fastapi_server", "LitServe": "litserve_server", "BentoML": "bentoml_server"}
PEERS_VENV = HERE.parent / ".venv-peers"
REQUEST_SECONDS = 1200
POLL_SECONDS = 0.02


class Server(ServerProcess):
    """A server under measurement.

    Attributes:
        failures: how many requests were not answered 200.
    """

    def __init__(
        self, command: Sequence[str | Path], port: int, tmp: Path, log: Path, **environment: str
    ):
        super().__init__(command, port, tmp, log, **environment)
        self._clients = threading.local()
        self.failures = 0

    def post(self, body: bytes, content_type: str, path: str = "/invocations") -> float:
        """The seconds that a request took, as the client sees it."""
        client = self._client()
        begun = time.perf_counter()
        client.request("POST", path, body, {"Content-Type": content_type, "Accept": content_type})
        with client.getresponse() as answer:
            content = answer.read()
        seconds = time.perf_counter() - begun
        if answer.status != HTTPStatus.OK or not content:
            self.failures += 1
        return seconds

    def _client(self) -> HTTPConnection:
        """The connection of this thread: a plain one, for it computes on the CPUs of the server."""
        if not hasattr(self._clients, "one"):
            address = urlsplit(self.url).netloc
            self._clients.one = HTTPConnection(address, timeout=REQUEST_SECONDS)
        client = self._clients.one
        if client.sock and wait_for_read(client.sock, timeout=0):  # what idles is closed by some
            client.close()
        return client

    def check(self) -> None:
        """End with the server's log, if a request failed.

        Raises:
            click.ClickException: one did.
        """
        if self.failures:
            raise click.ClickException(f"{self.failures} requests failed:\n{self.log()[-5000:]}")

    def wait_for_workers(self) -> None:
        """Return as soon as its log says that all workers are ready: for /ping, one suffices.

        Raises:
            click.ClickException: one was not ready in time.
        """
        deadline = time.monotonic() + START_SECONDS
        while not _all_are_ready(self.log()):
            if time.monotonic() > deadline:
                raise click.ClickException(f"a worker is not ready:\n{self.log()[-5000:]}")
            time.sleep(POLL_SECONDS)

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

    def resident_bytes(self) -> int:
        """The memory of all its processes; what several share counts once (PSS, see proc(5))."""
        total = 0
        for process in self._family():
            with contextlib.suppress(OSError, psutil.NoSuchProcess):
                text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
                total += sum(1024 * int(kb) for kb in re.findall(r"^Pss:\s+(\d+)", text, re.M))
        return total

    def _family(self) -> list[psutil.Process]:
        return [psutil.Process(self.process.pid), *self.descendants()]


def ours(model_dir: Path, **settings: str) -> AbstractContextManager[Server]:
    """Our server, as it is in this checkout."""
    return of_checkout(ENTRYPOINT, model_dir, **settings)


def many(folder: Path, **settings: str) -> AbstractContextManager[Server]:
    """Our server in multi-model mode, with no model."""
    return of_checkout(ENTRYPOINT, None, **multi_model(folder), **settings)


def multi_model(folder: Path) -> dict[str, str]:
    """The settings of a server that models are loaded into; ``folder`` is for what it keeps."""
    return {"SAGEMAKER_MULTI_MODEL": "true", "SAGEMAKER_BASE_DIR": str(folder)}


def load(server: Server, name: str, model_dir: Path) -> float:
    """Load a model by a name, in multi-model mode; the seconds that it took."""
    model = {"model_name": name, "url": str(model_dir)}
    begun = time.perf_counter()
    requests.post(f"{server.url}/models", json=model, timeout=REQUEST_SECONDS).raise_for_status()
    return time.perf_counter() - begun


def unload(server: Server, name: str) -> None:
    """Unload a model, in multi-model mode."""
    requests.delete(f"{server.url}/models/{name}", timeout=REQUEST_SECONDS).raise_for_status()


@contextlib.contextmanager
def of_checkout(entrypoint: Path, model_dir: Path | None, **settings: str) -> Iterator[Server]:
    """Our server, as it is in the checkout of that entrypoint, with all its workers ready.

    Args:
        model_dir: None: models are loaded later, in multi-model mode.
    """
    with Server.serve(model_dir, entrypoint=entrypoint, ready=True, log=None, **settings) as server:
        if model_dir is not None:
            server.wait_for_workers()
        yield server


def _all_are_ready(log: str) -> bool:
    """Whether a log of this version, or of an older one, tells of all workers that were started."""
    started = re.search(r"Starting the model server: workers (\d+)", log)
    return started is not None and len(re.findall(r"is ready: [\d.]+ s", log)) >= int(started[1])


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
    command = [install_peers(), HERE / "peers" / f"{PEERS[name]}.py"]
    with Server.start(command, port, MODEL=str(model), PORT=str(port)) as server:
        server.wait_until_it_answers()
        yield server


def install_peers() -> Path:
    """The interpreter of the other servers, in a virtual environment that is made if need be."""
    return python_of(PEERS_VENV, HERE / "peers" / "requirements.txt")


def at_once(server: Server, body: Body, clients: int, count: int) -> Row:
    """Post a body with so many clients at once, so many times while all of them are busy.

    Images per second are of that time alone, as those of a bare engine are: the requests before
    all clients have been answered once, and those of the last ones, are not counted.
    """
    failures, cpu, total = server.failures, server.cpu_seconds(), count + 2 * clients
    with ThreadPoolExecutor(clients) as pool:
        posted = pool.map(lambda _: (server.post(*body), time.perf_counter()), range(total))
        answers = sorted(posted, key=lambda answer: answer[1])[clients - 1 : -clients]
    (_, begun), *counted = answers
    return percentiles([seconds for seconds, _ in counted]) | {
        "images/s": round(count / (counted[-1][1] - begun), 2),
        "CPU-s per image": round((server.cpu_seconds() - cpu) / total, 3),
        "peak MB of a worker": round(server.peak_bytes() / 1e6),
        "failed": server.failures - failures,
    }
