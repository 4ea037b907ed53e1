"""Containers in a Docker engine: run, looked at, and removed. Needs the standard library only."""

import contextlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

PORT = 8080
UNITS = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
KILL_WORKERS = """
import psutil
java = next(p for p in psutil.process_iter() if p.name() == "java")
for worker in java.children()[0].children():
    worker.kill()
"""


class DockerFailed(RuntimeError):
    """A docker command failed; the message holds what it printed."""


def docker(*arguments: str | Path, check: bool = True, stdin: bytes | None = None) -> str:
    """Run a docker command, and return what it prints on both streams, stripped.

    Raises:
        DockerFailed: the command failed, and ``check`` is set.
    """
    done = subprocess.run(
        ["docker", *arguments],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    output = done.stdout.decode(errors="replace").strip()
    if check and done.returncode:
        raise DockerFailed(f"docker {' '.join(map(str, arguments))}: {output}")
    return output


def in_bytes(text: str) -> float:
    """A size as docker prints it, such as "1.5GiB" or "12kB", in bytes."""
    unit = text.lstrip("0123456789.")
    return float(text.removesuffix(unit)) * UNITS[unit]


class Container:
    """A container of an image that serves on a port.

    Attributes:
        id: the engine's name of it.
        url: where its port is published on this machine; "" without a network, or once it ended.
    """

    def __init__(self, *arguments: str | Path, port: int = PORT):
        created = docker("create", "--publish", f"127.0.0.1::{port}", *arguments)
        self.id = created.splitlines()[-1]  # warnings may come before
        self.url = ""
        self._port = port

    @classmethod
    @contextlib.contextmanager
    def run(
        cls,
        *arguments: str | Path,
        port: int = PORT,
        files: Mapping[str, bytes] | None = None,
    ) -> Iterator[Self]:
        """Run a container until the end of the block.

        Args:
            arguments: of ``docker run``, up to and with the image.
            port: in the container.
            files: path -> content, to put into it before it starts.
        """
        container = cls(*arguments, port=port)
        try:
            for path, content in (files or {}).items():
                container.put(path, content)
            container.start()
            yield container
        finally:
            docker("rm", "--force", "--volumes", container.id)

    def start(self) -> None:
        docker("start", self.id)
        with contextlib.suppress(DockerFailed):  # a container without network, or one that ended
            published = docker("port", self.id, str(self._port))
            self.url = "http://" + published.splitlines()[0]

    def put(self, path: str, content: bytes) -> None:
        """Write a file that all may read, also into a container that has not been started."""
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
        docker("cp", "-", f"{self.id}:/", stdin=file.getvalue())

    def log(self) -> str:
        """What it has printed so far, on both streams."""
        return docker("logs", self.id)

    def execute(self, *command: str) -> str:
        """Run a command in it, and return what the command prints."""
        return docker("exec", self.id, *command)

    def kill_workers(self) -> None:
        """Send SIGKILL to the processes that answer requests."""
        self.execute("python3", "-c", KILL_WORKERS)

    def state(self) -> dict:
        """Whether it runs, its health and its exit code, as ``docker inspect`` shows them."""
        return json.loads(docker("inspect", "--format", "{{json .State}}", self.id))

    def memory(self) -> float:
        """Bytes in use, without the cache of files."""
        usage = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", self.id)
        return in_bytes(usage.split()[0])

    def wait(self) -> int:
        """The exit code, once it ended."""
        return int(docker("wait", self.id))
