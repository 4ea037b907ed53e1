"""Starts our own server, or another one, on a free port of this machine, and stops it again.

Needs the standard library and psutil only.
"""

import contextlib
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import psutil

ENTRYPOINT = Path(__file__).resolve().parents[2] / "inference" / "entrypoint.py"
PORTS = range(10_000, 32_767)  # Multi Model Server takes none above
START_SECONDS = 300.0
STOP_SECONDS = 120.0
POLL_SECONDS = 0.02


class ServerFailed(RuntimeError):
    """The server ended, or was not ready in time; the message holds its log."""


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def ping(url: str) -> int | None:
    """The status of /ping; None where nothing answers."""
    try:
        with urllib.request.urlopen(f"{url}/ping", timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except (OSError, http.client.HTTPException):
        return None


def is_ready(url: str) -> bool:
    """Whether the server at ``url`` would serve a request now."""
    return ping(url) == 200


def processes_below(folder: Path) -> list[psutil.Process]:
    """The processes of this user whose temporary folder is ``folder``, or lies in it."""
    processes = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            temporary = process.environ().get("TMPDIR", "")
            if temporary and Path(temporary).is_relative_to(folder):
                processes.append(process)
    return processes


class ServerProcess:
    """A server on a free port, with a temporary folder of its own.

    Attributes:
        port: where it is to listen.
        url: of that, without a slash at the end.
        process: the first process of the server.
        tmp: its temporary folder, which is also its working directory.
        first_answer_seconds: from its start until it answered anything over HTTP; 0.0 before.
        start_seconds: from its start until it was ready; 0.0 before.
    """

    def __init__(
        self, command: Sequence[str | Path], port: int, tmp: Path, log: Path, **environment: str
    ):
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.tmp = tmp
        self.first_answer_seconds = self.start_seconds = 0.0
        self._log = log
        self._begin = time.perf_counter()
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                env=os.environ | {"TMPDIR": str(tmp)} | environment,
                cwd=tmp,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C goes to us alone: we stop the server in order
            )

    @classmethod
    @contextlib.contextmanager
    def start(
        cls,
        command: Sequence[str | Path],
        port: int,
        *,
        log: Path | None = None,
        **environment: str,
    ) -> Iterator[Self]:
        """Run a command that serves on ``port``; at the end nothing that it started is left.

        Args:
            command: the program and its arguments, with absolute paths.
            port: where the command listens, as its arguments or ``environment`` say.
            log: where to write its output; None: a file that is removed at the end.
            environment: variables on top of those of this process.
        """
        with tempfile.TemporaryDirectory(prefix="unet-server-") as folder:
            tmp = Path(folder, "tmp")
            tmp.mkdir()
            server = cls(command, port, tmp, log or Path(folder, "log"), **environment)
            try:
                yield server
            finally:
                server.end()

    @classmethod
    @contextlib.contextmanager
    def serve(
        cls,
        model_dir: Path | None,
        *,
        entrypoint: Path = ENTRYPOINT,
        ready: bool = True,
        log: Path | None = None,
        **environment: str,
    ) -> Iterator[Self]:
        """Run our own server; at the end nothing that it started is left.

        Args:
            model_dir: where the model is; None leaves that to ``environment``.
            entrypoint: ``entrypoint.py`` of this checkout, or of another one.
            ready: whether to wait until the server is ready.
            log: where to write its output; None: a file that is removed at the end.
            environment: variables on top of those of this process.

        Raises:
            ServerFailed: it did not become ready.
        """
        port = free_port()
        own = {"MMS_INFERENCE_ADDRESS": f"http://127.0.0.1:{port}"}
        if model_dir is not None:
            own["UNET_MODEL_DIR"] = str(model_dir.absolute())
        command = [sys.executable, str(entrypoint), "serve"]
        with cls.start(command, port, log=log, **own | environment) as server:
            if ready:
                server.wait_until_ready()
            yield server

    def wait_until_ready(self) -> None:
        """Return as soon as /ping answers 200.

        Raises:
            ServerFailed: the server ended, or was not ready in time.
        """
        self._wait_for_ping(lambda status: status == 200)

    def wait_until_it_answers(self) -> None:
        """Return as soon as /ping answers anything: for servers that have no such route.

        Raises:
            ServerFailed: the server ended, or did not answer in time.
        """
        self._wait_for_ping(lambda status: status is not None)

    def log(self) -> str:
        """What the server has printed so far, on both streams."""
        return self._log.read_text(errors="replace")

    def descendants(self) -> list[psutil.Process]:
        """The processes that the first one started, and so on; empty once it ended."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def terminate(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to the first process."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """The exit status, once the server ended.

        Raises:
            subprocess.TimeoutExpired: it did not end in time.
        """
        return self.process.wait(STOP_SECONDS)

    def stop(self) -> int:
        """Ask the server to end, as SageMaker does, and return its exit status.

        Raises:
            subprocess.TimeoutExpired: it did not end in time.
        """
        self.terminate()
        return self.wait()

    def end(self) -> None:
        """Stop the server, and kill whatever it left running."""
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stop()
        finally:
            family = [*self.descendants(), *processes_below(self.tmp)]
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self.process.kill()
            self.process.wait()
            psutil.wait_procs(family, timeout=STOP_SECONDS)

    def _wait_for_ping(self, accepted: Callable[[int | None], bool]) -> None:
        while True:
            status = ping(self.url)
            elapsed = time.perf_counter() - self._begin
            if status is not None and not self.first_answer_seconds:
                self.first_answer_seconds = elapsed
            if accepted(status):
                self.start_seconds = elapsed
                return
            if self.process.poll() is not None or elapsed > START_SECONDS:
                raise ServerFailed(f"the server did not start:\n{self.log()}")
            time.sleep(POLL_SECONDS)


serve = ServerProcess.serve
start = ServerProcess.start
