"""What is measured: the bare engine, our server, the stock stack, and other people's servers."""

import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import requests

from demo import free_port, is_ready

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "benchmark"
PEERS = {"FastAPI": "fastapi_server", "LitServe": "litserve_server", "BentoML": "bentoml_server"}
PEERS_VENV = ROOT / ".venv-peers"
REQUEST_SECONDS = 1200
START_SECONDS = 300


class Server:
    """A server under measurement.

    Attributes:
        start_seconds: from the start of its process until it was ready.
        first_answer_seconds: until it answered anything over HTTP; of our server only.
        failures: how many requests were not answered 200.
    """

    def __init__(self, url: str, process: subprocess.Popen, log: Path):
        self._url = url
        self._process = psutil.Process(process.pid)
        self._log = log
        self._sessions = threading.local()
        self.start_seconds = self.first_answer_seconds = 0.0
        self.failures = 0

    def post(self, body: bytes, content_type: str) -> float:
        """The seconds that a request took, as the client sees it."""
        if not hasattr(self._sessions, "one"):
            self._sessions.one = requests.Session()
        begun = time.perf_counter()
        answer = self._sessions.one.post(
            f"{self._url}/invocations",
            body,
            headers={"Content-Type": content_type, "Accept": content_type},
            timeout=REQUEST_SECONDS,
        )
        seconds = time.perf_counter() - begun
        if answer.status_code != 200 or not answer.content:
            self.failures += 1
        return seconds

    def check(self) -> None:
        """End with its log, if a request failed."""
        if self.failures:
            sys.exit(f"{self.failures} requests failed:\n{self.log()[-5000:]}")

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def cpu_seconds(self) -> float:
        """Of all its processes, since they began."""
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
        return [self._process, *self._process.children(recursive=True)]


@contextlib.contextmanager
def _started(
    command: list[Any], url: str, ready: Callable[[], bool], **environment: str
) -> Iterator[Server]:
    """Start a server in a session of its own; at the end all of the session is ended."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        log = Path(folder, "log")
        begun = time.perf_counter()
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env=os.environ | {"TMPDIR": folder} | environment,
                cwd=folder,  # MMS writes its logs there
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        server = Server(url, process, log)
        try:
            while not ready():
                if not server.first_answer_seconds and _answers(url):
                    server.first_answer_seconds = time.perf_counter() - begun
                if process.poll() is not None or time.perf_counter() > begun + START_SECONDS:
                    sys.exit(f"{command} did not start:\n{server.log()}")
                time.sleep(0.01)
            server.start_seconds = time.perf_counter() - begun
            yield server
        finally:
            _end(process)


def _end(process: subprocess.Popen) -> None:
    children = []
    with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself
        children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _answers(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return bool(requests.get(f"{url}/ping", timeout=2).status_code)
    return False


@contextlib.contextmanager
def ours(model_dir: Path, **settings: str) -> Iterator[Server]:
    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, ROOT / "inference" / "entrypoint.py", "serve"]
    own = {"MMS_INFERENCE_ADDRESS": url, "UNET_MODEL_DIR": str(model_dir)}
    with _started(command, url, lambda: is_ready(url), **own, **settings) as server:
        yield server


@contextlib.contextmanager
def stock(model_dir: Path) -> Iterator[Server]:
    """The toolkit and MMS with their defaults: a worker per CPU, a thread each."""
    url = f"http://127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        Path(folder, "model").symlink_to(model_dir)
        own = {
            "SAGEMAKER_BASE_DIR": folder,
            "MMS_INFERENCE_ADDRESS": url,
            "MMS_MANAGEMENT_ADDRESS": f"http://127.0.0.1:{free_port()}",
            # where the toolkit finds multi-model-server
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        command = [sys.executable, HERE / "stock" / "entrypoint.py"]
        with _started(command, url, lambda: _answers(url), **own) as server:
            # its /ping says yes before there is a model; the first request waits for that
            yield server


@contextlib.contextmanager
def peer(name: str, model_dir: Path) -> Iterator[Server]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    [model] = model_dir.glob("*.keras")
    command = [PEERS_VENV / "bin" / "python", HERE / "peers" / f"{PEERS[name]}.py"]
    with _started(command, url, lambda: _answers(url), MODEL=str(model), PORT=str(port)) as server:
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


class Bare:
    """The engine in so many processes of its own, with so many threads each."""

    def __init__(self, processes: list[subprocess.Popen]):
        self._processes = processes

    def run(self, count: int) -> list[float]:
        """Segment the image so many times in each process; the seconds that each took."""
        for process in self._processes:
            assert process.stdin
            process.stdin.write(f"{count}\n")
            process.stdin.flush()
        return [s for process in self._processes for s in json.loads(_line(process))]

    def rate(self, count: int) -> float:
        """Images per second, of so many in all."""
        each = self.run(-(-count // len(self._processes)))
        return len(self._processes) / statistics.mean(each)


def steps(model_dir: Path, image: np.ndarray, rounds: int) -> dict[str, dict[str, object]]:
    """The rows of steps.py."""
    with _saved(image) as path:
        command = [sys.executable, str(HERE / "steps.py"), str(model_dir), str(path), str(rounds)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"steps.py failed:\n{run.stderr[-5000:]}")
    return json.loads(run.stdout)


@contextlib.contextmanager
def _saved(image: np.ndarray) -> Iterator[Path]:
    """The image in NPY, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        path = Path(folder, "image.npy")
        np.save(path, image)
        yield path


def _line(process: subprocess.Popen) -> str:
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        sys.exit("the bare engine ended; run benchmark/bare.py to see why")
    return line


@contextlib.contextmanager
def bare(
    model_dir: Path, image: np.ndarray, processes: int, threads: int, **settings: str
) -> Iterator[Bare]:
    with _saved(image) as path, contextlib.ExitStack() as end:
        started = []
        for _ in range(processes):
            process = subprocess.Popen(
                [sys.executable, HERE / "bare.py", model_dir, path],
                env=os.environ
                | {"TMPDIR": str(path.parent), "TF_NUM_INTRAOP_THREADS": str(threads)}
                | settings,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            end.callback(process.wait)
            end.callback(process.kill)
            started.append(process)
        for process in started:
            assert _line(process) == "ready\n"
        yield Bare(started)
