"""What is done to the servers of a soak while they serve, and which requests that may cost."""

import contextlib
import itertools
import json
import signal
import socket
import struct
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil

from lib.server import is_ready

from .servers import Server, until

STALLED = 5.0  # seconds of a worker that stands still
HELD = 8.0  # seconds for which clients hold what they have begun
CROWD = 12  # connections of those that do
UNLOADED = "c"  # the model that comes and goes


@dataclass
class Fault:
    """What was done.

    Attributes:
        name: of the fault.
        server: which got it.
        begin, end: in seconds since the soak began; the end is when the server was well again.
        struck: the moment at which a process was ended, or None.
        may_lose: how many requests in flight at that moment may get no answer.
        model: whose requests may all be lost until the end; "": none.
        everything: whether all requests may be, until the end.
        recovered: whether it was well again in time.
    """

    name: str
    server: int
    begin: float
    end: float = 0.0
    struck: float | None = None
    may_lose: int = 0
    model: str = ""
    everything: bool = False
    recovered: bool = True


@dataclass(frozen=True)
class Scene:
    """Where faults happen: a server, what it is asked, and the models that it may load."""

    server: Server
    body: bytes  # of a request that takes a while, as image/png
    path: str
    models: dict[str, Path]
    clock: Callable[[], float]
    random: Random


def kill_a_worker(scene: Scene, fault: Fault) -> None:
    """SIGKILL; another worker, or the one that takes its place, answers the rest."""
    _end_a_worker(scene, fault, signal.SIGKILL)


def terminate_a_worker(scene: Scene, fault: Fault) -> None:
    """SIGTERM, as a person would end it."""
    _end_a_worker(scene, fault, signal.SIGTERM)


def _end_a_worker(scene: Scene, fault: Fault, number: signal.Signals) -> None:
    workers = scene.server.workers()
    fault.struck, fault.may_lose = scene.clock(), 1
    scene.random.choice(workers).send_signal(number)
    fault.recovered = until(lambda: len(scene.server.workers()) >= len(workers)) and until(
        lambda: is_ready(scene.server.url)
    )


def kill_the_forker(scene: Scene, fault: Fault) -> None:
    """The process that starts workers is killed: one model's workers serve on; of many models, its
    model is unloaded, and loaded again by whoever is answered 404.
    """
    forkers = scene.server.forkers()
    fault.struck = scene.clock()
    scene.random.choice(forkers).kill()
    if not scene.models:
        known = {forker.pid for forker in forkers}
        fault.recovered = until(
            lambda: any(forker.pid not in known for forker in scene.server.forkers())
        )
        return
    until(lambda: scene.models.keys() - scene.server.models())
    for name in scene.models.keys() - scene.server.models():
        fault.model = name
        fault.recovered = until(lambda name=name: load(scene.server, name, scene.models[name]))


def kill_java(scene: Scene, fault: Fault) -> None:
    """The process that holds all connections is killed; the supervisor starts it again."""
    fault.everything = True
    java = scene.server.java()
    java.kill()
    until(lambda: not java.is_running() or java.status() == psutil.STATUS_ZOMBIE)
    fault.recovered = until(lambda: is_ready(scene.server.url))


def stall_a_worker(scene: Scene, fault: Fault) -> None:
    """A worker stands still for a while, as on a machine that swaps."""
    worker = scene.random.choice(scene.server.workers())
    worker.suspend()
    try:
        time.sleep(STALLED)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.resume()


def half_bodies(scene: Scene, fault: Fault) -> None:
    """Uploads that stop in the middle."""
    with _crowd(scene) as connections:
        for connection in connections:
            connection.sendall(_head(scene, len(scene.body)) + scene.body[: len(scene.body) // 2])
        time.sleep(HELD)


def slow_uploads(scene: Scene, fault: Fault) -> None:
    """Uploads that come a few bytes at a time, and are never whole."""
    with _crowd(scene) as connections:
        for connection in connections:
            connection.sendall(_head(scene, len(scene.body)))
        deadline = time.monotonic() + HELD
        place = 0
        while time.monotonic() < deadline and place + 64 < len(scene.body):
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.sendall(scene.body[place : place + 32])
            place += 32
            time.sleep(0.1)


def slow_readers(scene: Scene, fault: Fault) -> None:
    """Clients that do not take their answers, which are large."""
    with _crowd(scene) as connections:
        for connection in connections:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            accept = b"Accept: application/x-npy\r\n"
            accept += b"X-Amzn-SageMaker-Custom-Attributes: output=probability\r\n"
            connection.sendall(_head(scene, len(scene.body), accept) + scene.body)
        time.sleep(HELD)


def disconnects(scene: Scene, fault: Fault) -> None:
    """Clients that reset their connections when they have sent all."""
    with _crowd(scene) as connections:
        for connection in connections:
            connection.sendall(_head(scene, len(scene.body)) + scene.body)
            reset = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)


def garbage(scene: Scene, fault: Fault) -> None:
    """Bytes that are no HTTP."""
    with _crowd(scene) as connections:
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sendall(scene.random.randbytes(scene.random.randint(1, 4000)))


def unload_in_mid_request(scene: Scene, fault: Fault) -> None:
    """A model is unloaded while requests to it are under way, and loaded again."""
    fault.model = UNLOADED
    url = f"{scene.server.url}/models/{UNLOADED}"
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=60).close()
    time.sleep(1.0)
    fault.recovered = until(lambda: load(scene.server, UNLOADED, scene.models[UNLOADED]))


def load_what_is_no_model(scene: Scene, fault: Fault) -> None:
    """A request to load a folder that holds no model, and one that is not there."""
    for folder in (scene.server.tmp, Path("/nowhere")):
        load(scene.server, "none", folder)


def load(server: Server, name: str, folder: Path) -> bool:
    """Load a model; False: it was refused."""
    content = json.dumps({"model_name": name, "url": str(folder)}).encode()
    try:
        return server.post("/models", content) == 200
    except urllib.error.HTTPError as error:
        with error:
            return error.code == 409


Inject = Callable[[Scene, Fault], None]
OF_ANY: tuple[Inject, ...] = (
    *(kill_a_worker, kill_the_forker, stall_a_worker, half_bodies, slow_readers, disconnects),
    *(terminate_a_worker, slow_uploads, garbage),
)
OF_ONE_MODEL: tuple[Inject, ...] = (kill_java,)  # of many, none is loaded behind it
OF_MANY_MODELS: tuple[Inject, ...] = (unload_in_mid_request, load_what_is_no_model)


def plan(scenes: Sequence[Scene]) -> Iterator[tuple[int, Inject]]:
    """Which server gets the next fault, and which it is: all of them in turns, without end."""
    turns = []
    for number, scene in enumerate(scenes):
        faults = [*OF_ANY, *(OF_MANY_MODELS if scene.models else OF_ONE_MODEL)]
        first = number * len(faults) // 2
        turns.append(itertools.cycle(faults[first:] + faults[:first]))
    for server in itertools.cycle(range(len(scenes))):
        yield server, next(turns[server])


def inject(scene: Scene, server: int, inject: Inject) -> Fault:
    """Do it, and wait until the server is well again."""
    fault = Fault(inject.__name__.replace("_", " "), server, scene.clock())
    try:
        inject(scene, fault)
    except (psutil.Error, OSError, IndexError, StopIteration) as error:
        fault.name += f" (not done: {type(error).__name__})"
    fault.recovered = until(lambda: is_ready(scene.server.url)) and fault.recovered
    fault.end = scene.clock()
    return fault


def _head(scene: Scene, length: int, more: bytes = b"") -> bytes:
    line = f"POST {scene.path} HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n".encode()
    return line + more + b"Content-Length: %d\r\n\r\n" % length


@contextlib.contextmanager
def _crowd(scene: Scene) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        address = ("127.0.0.1", scene.server.port)
        yield [stack.enter_context(socket.create_connection(address, 30)) for _ in range(CROWD)]
