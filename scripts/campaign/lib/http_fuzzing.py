"""A campaign of damaged requests against the listener of a real server."""

import contextlib
import json
import re
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .clients import RIGHT, ask, connect
from .http_cases import Sending, Sendings
from .servers import Server
from .workload import Request

IDLE_SECONDS = 1  # after which the server gives up what does not come
PATIENCE = 60.0  # seconds until a connection must have ended
VMARGS = f"-Xmx512m -Dunet.idleSeconds={IDLE_SECONDS} -Dunet.keepAliveSeconds={IDLE_SECONDS}"
ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
ALLOWED = {100, 200, 400, 404, 405, 406, 408, 411, 413, 414, 415, 417, 426, 431}


@dataclass
class HttpState:
    """What was sent so far.

    Attributes:
        seed: of the damage.
        next: the number of the next connection.
        statuses: how often each was answered; "none": a connection that was closed without.
        faults: what was wrong, by the number of the connection.
        seconds: that it took.
    """

    seed: int
    next: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(vars(self), indent=1))


def run(
    state: HttpState,
    connections: int,
    server: Server,
    good: Request,
    path: Path,
    done: Callable[[int], object] = lambda number: None,
) -> None:
    """Send damaged requests until there were so many connections, and a good one after each.

    Args:
        good: a request, and the mask that it must get.
        path: where the state is kept.
        done: told how many more there were.
    """
    sendings = Sendings(state.seed, good.body)
    family = {process.pid for process in server.descendants()}
    begin, counts = time.monotonic(), Counter(state.statuses)
    try:
        while state.next < connections:
            number = state.next
            statuses, fault = judge(server, sendings[number], good)
            counts.update(map(str, statuses) if statuses else ["none"])
            if not fault and {process.pid for process in server.descendants()} != family:
                fault = "a process of the server ended"
                family = {process.pid for process in server.descendants()}
            if fault:
                state.faults[str(number)] = fault
            state.next += 1
            done(1)
    finally:
        state.statuses = dict(sorted(counts.items()))
        state.seconds += time.monotonic() - begin
        state.save(path)


def judge(server: Server, sending: Sending, good: Request) -> tuple[list[int], str]:
    """The statuses of all answers on a connection, and what is wrong; "": nothing."""
    data, ended = exchange(server.port, sending)
    statuses, fault = _read(data)
    if not ended:
        fault = fault or f"the connection was still open after {PATIENCE:g} s"
    connection = connect(server.port)
    with contextlib.closing(connection):
        result, told = ask(connection, good)
    if result != RIGHT:
        fault = fault or f"a good request behind it was {result}: {told}"
    return statuses, fault


def exchange(port: int, sending: Sending) -> tuple[bytes, bool]:
    """All that a server answers on one connection, and whether it, or we, closed it."""
    answer, deadline = b"", time.monotonic() + PATIENCE
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):  # it may be closed before all is sent
            for part in sending.parts:
                connection.sendall(part)
            if sending.closes:
                connection.shutdown(socket.SHUT_WR)
        try:
            while part := connection.recv(1 << 16):
                answer += part
                connection.settimeout(max(0.1, deadline - time.monotonic()))
        except ConnectionError:
            return answer, True
        except TimeoutError:
            return answer, False
    return answer, True


def _read(data: bytes) -> tuple[list[int], str]:
    """The statuses of answers, and what is wrong with them."""
    statuses, fault = [], ""
    if data and not data.startswith(b"HTTP/1.1 "):
        fault = f"what was answered begins with {data[:40]!r}"
    for status, headers in ANSWER.findall(data):
        statuses.append(int(status))
        if statuses[-1] not in ALLOWED:
            fault = f"status {statuses[-1]}: {data[-300:]!r}"
        elif statuses[-1] != 100 and headers.lower().count(b"x-request-id: ") != 1:
            fault = f"an answer of {statuses[-1]} without one request id: {headers!r}"
    return statuses, fault
