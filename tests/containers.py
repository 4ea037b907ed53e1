"""The built image in a Docker engine, for tests: run, asked, and removed."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import Client, until

ROOT = Path(__file__).resolve().parent.parent
IMAGE = "unet-inference"
PORT = 8080
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def docker(*arguments: str | Path, check: bool = True, **options) -> str:
    """What a docker command prints on both streams, stripped."""
    done = subprocess.run(
        ["docker", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        **options,
    )
    output = done.stdout.decode(errors="replace").strip()
    assert not check or done.returncode == 0, f"docker {arguments}: {output}"
    return output


def require_engine() -> None:
    """Skip the test where there is no engine; in CI that is a failure."""
    if shutil.which("docker") and "Server" in docker("version", check=False):
        return
    if os.environ.get("CI"):
        pytest.fail("there is no Docker engine", pytrace=False)
    pytest.skip("there is no Docker engine")


class Container(Client):
    """A container under test."""

    def __init__(self, arguments: tuple[str | Path, ...], port: int):
        self.id = docker("create", "--publish", f"127.0.0.1::{port}", *arguments).splitlines()[-1]
        self._port = port
        super().__init__("")

    def start(self) -> None:
        docker("start", self.id)
        with contextlib.suppress(AssertionError):  # a container without network, or one that ended
            self.url = "http://" + docker("port", self.id, str(self._port)).splitlines()[0]

    def log(self) -> str:
        return docker("logs", self.id)

    def request_lines(self) -> list[dict]:
        """What the log says of requests."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]

    def run(self, *command: str) -> str:
        """What a command prints in the container."""
        return docker("exec", self.id, *command)

    def python(self, code: str) -> str:
        return self.run("python3", "-c", code)

    def kill_worker(self) -> None:
        """SIGKILL to the process that answers requests."""
        self.python(
            "import psutil\n"
            "java = next(p for p in psutil.process_iter() if p.name() == 'java')\n"
            "java.children()[0].children()[0].kill()"
        )

    def put(self, path: str, content: bytes) -> None:
        """Write a file that all may read, also into a container that has not been started."""
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
        docker("cp", "-", f"{self.id}:/", input=file.getvalue())

    def state(self) -> dict:
        return json.loads(docker("inspect", "--format", "{{json .State}}", self.id))

    def memory(self) -> float:
        """Bytes in use, without the cache of files."""
        usage = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", self.id).split()[0]
        unit = usage.lstrip("0123456789.")
        return float(usage.removesuffix(unit)) * UNITS[unit]

    def is_ready(self) -> bool:
        assert self.state()["Running"], f"the container ended:\n{self.log()}"
        return self.ping() == 200

    def wait(self) -> int:
        """The exit code, once it ended."""
        return int(docker("wait", self.id))


@contextlib.contextmanager
def container(
    *arguments: str | Path,
    port: int = PORT,
    ready: bool = True,
    files: dict[str, bytes] | None = None,
) -> Iterator[Container]:
    """Run a container until the end of the block.

    Args:
        arguments: of ``docker run``, up to and with the image.
        port: in the container.
        ready: whether to wait for /ping.
        files: to put into it before it starts.
    """
    made = Container(arguments, port)
    try:
        for path, content in (files or {}).items():
            made.put(path, content)
        made.start()
        if ready:
            until(made.is_ready)
        yield made
    finally:
        docker("rm", "--force", "--volumes", made.id)
