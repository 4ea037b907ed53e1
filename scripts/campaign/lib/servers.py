"""The servers of a soak, and what they hold: processes, memory, descriptors and files."""

import contextlib
import json
import threading
import time
import urllib.request
from dataclasses import dataclass

import psutil

from lib.server import ServerProcess, is_ready, processes_below

WORKER = "model_service_worker.py"  # what MMS runs
WAIT = 120.0  # seconds for what takes a few
POLL = 0.05
EVERY = 2.0  # seconds between two looks


class Server(ServerProcess):
    """A server of a soak."""

    def java(self) -> psutil.Process:
        """The process of MMS."""
        return next(process for process in self.descendants() if process.name() == "java")

    def forkers(self) -> list[psutil.Process]:
        """The processes that start the workers, one for each model."""
        return [child for child in self.java().children() if _is_of_mms(child)]

    def workers(self) -> list[psutil.Process]:
        """The processes that compute; where what started them has ended, they are orphans."""
        starters = {forker.pid for forker in self.forkers()}
        family = processes_below(self.tmp)
        return [one for one in family if one.pid not in starters and _is_of_mms(one)]

    def files(self) -> frozenset[str]:
        """The names of all files below its temporary folder."""
        return frozenset(str(path.relative_to(self.tmp)) for path in self.tmp.rglob("*"))

    def held(self) -> "Held":
        """What all its processes hold now."""
        memory = descriptors = alive = 0
        for process in processes_below(self.tmp):
            with contextlib.suppress(psutil.Error):
                memory += process.memory_info().rss
                descriptors += process.num_fds()
                alive += 1
        return Held(time.monotonic(), alive, memory, descriptors, len(self.files()))

    def post(self, path: str, content: bytes) -> int:
        """The status of a request to load a model."""
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, content, headers, method="POST")
        with urllib.request.urlopen(request, timeout=WAIT) as answer:
            return answer.status

    def models(self) -> set[str]:
        """The names of the models that are loaded."""
        with urllib.request.urlopen(f"{self.url}/models", timeout=WAIT) as answer:
            return {model["modelName"] for model in json.load(answer)["models"]}

    def wait_until_served(self) -> None:
        """Return when /ping is 200; see ``until``."""
        until(lambda: is_ready(self.url))


@dataclass(frozen=True)
class Held:
    """What a server holds.

    Attributes:
        at: when, as ``time.monotonic`` tells it.
        processes: how many.
        memory: bytes that are resident, what they share counted in each.
        descriptors: that are open.
        files: below the temporary folder.
    """

    at: float
    processes: int
    memory: int
    descriptors: int
    files: int


def _is_of_mms(process: psutil.Process) -> bool:
    """Whether it is a worker, or what starts workers: they have one command."""
    with contextlib.suppress(psutil.Error):
        return any(word.endswith(WORKER) for word in process.cmdline())
    return False


class Watch:
    """Looks at servers every few seconds, in a thread of its own."""

    def __init__(self, servers: list[Server]):
        self.seen: list[list[Held]] = [[] for _ in servers]
        self._servers = servers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(EVERY):
            for server, seen in zip(self._servers, self.seen, strict=True):
                with contextlib.suppress(psutil.Error, StopIteration, OSError):
                    seen.append(server.held())


def until(condition, seconds: float = WAIT) -> bool:
    """Wait until something holds; False: it does not within that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def left_of(server: Server) -> list[str]:
    """What a server that has ended left: files and processes."""
    files = [f"file {name}" for name in sorted(server.files())]
    return files + [f"process {process.pid}" for process in processes_below(server.tmp)]
