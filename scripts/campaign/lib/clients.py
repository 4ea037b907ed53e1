"""Clients that send requests without pause, and what became of each request."""

import http.client
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from .workload import Request, Workload

TIMEOUT = 120.0  # seconds, for one answer
KEPT = 0.7  # of connections, for another request
PAUSE = 0.2  # seconds after a request that got no answer

RIGHT, WRONG, LOST = "right", "wrong", "lost"
HUNG = f"no answer within {TIMEOUT:g} s"


@dataclass(frozen=True)
class Record:
    """What became of a request.

    Attributes:
        server: its number; model: the name of the model, or "".
        name: of the request.
        begin, end: in seconds since the soak began.
        result: RIGHT, WRONG, or LOST: no answer, or another status.
        told: of what was wrong or lost.
    """

    server: int
    model: str
    name: str
    begin: float
    end: float
    result: str
    told: str = ""


class Clients:
    """Threads that each send one request after the other, to one server.

    Args:
        ports: of the servers.
        workloads: of each.
        count: of clients, of all servers together.
        since: when the soak began, as ``time.monotonic`` tells it.
    """

    def __init__(
        self,
        ports: Sequence[int],
        workloads: Sequence[Workload],
        count: int,
        seed: int,
        since: float,
    ):
        self.records: list[Record] = []
        self._ports, self._workloads, self._since = ports, workloads, since
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._run, args=(number % len(ports), Random(f"{seed}:{number}"))
            )
            for number in range(count)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Return when every client has got its last answer."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _run(self, server: int, random: Random) -> None:
        workload = self._workloads[server]
        connection: http.client.HTTPConnection | None = None
        while not self._stop.is_set():
            model = random.choice([*workload.requests])
            request = workload.choose(random, model)
            connection = connection or connect(self._ports[server])
            begin = time.monotonic() - self._since
            result, told = ask(connection, request)
            end = time.monotonic() - self._since
            self.records.append(Record(server, model, request.name, begin, end, result, told))
            if result != RIGHT or random.random() > KEPT:
                connection.close()
                connection = None
            if result == LOST:
                self._stop.wait(PAUSE)
        if connection:
            connection.close()


def connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)


def ask(connection: http.client.HTTPConnection, request: Request) -> tuple[str, str]:
    """Send a request, and compare its answer with what it must be; the result, and why."""
    try:
        connection.request("POST", request.path, request.body, request.headers)
        with connection.getresponse() as answer:
            body = answer.read()
    except TimeoutError:
        return LOST, HUNG
    except (OSError, http.client.HTTPException) as error:
        return LOST, f"{type(error).__name__}: {error}"
    if answer.status != request.status:
        return LOST, f"{answer.status}: {body[:200]!r}"
    try:
        right = request.is_right(answer.status, answer.headers.get_content_type(), body)
    except Exception as error:  # what cannot be read is no mask
        return WRONG, f"{type(error).__name__}: {error}"
    return (RIGHT, "") if right else (WRONG, f"another answer of {len(body)} bytes")
