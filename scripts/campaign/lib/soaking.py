"""One soak: servers, clients and faults together, and what is judged of it."""

import contextlib
import itertools
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from lib.server import ServerFailed

from . import faults, workload
from .clients import RIGHT, Clients, ask, connect
from .faults import Scene
from .servers import Server, Watch, left_of, until
from .soak_verdict import Plan, Soak, judge, more
from .workload import Workload

ROOT = Path(__file__).resolve().parents[3]
MODEL_DIR = ROOT / "models" / "unet-membrane"
SAMPLE = MODEL_DIR / "sample.png"
QUIET_SECONDS = 150.0  # until a server holds no more than at the beginning
STEP = 0.5
SETTLE_SECONDS = 2.0
WARM_SECONDS = 4.0


def run(plan: Plan, out: Path, told: Callable[[Soak], object]) -> Soak:
    """Start two servers, ask them, harm them, stop them, and judge what happened.

    Args:
        out: where the servers' logs are written.
        told: called again and again while it runs.

    Raises:
        ServerFailed: a server did not start.
        ValueError: without any fault and load, an answer is not that of the library.
    """
    soak = Soak(["one model", "many models"])
    with tempfile.TemporaryDirectory(prefix="unet-soak-") as folder:
        models = workload.make_models(MODEL_DIR, Path(folder))
        with _servers(models, out) as (servers, loads):
            for load, server in zip(loads, servers, strict=True):
                _ask_quietly(load, server)
            _warm(soak, plan, servers, loads)
            _settle(servers)
            soak.before = [server.held() for server in servers]
            files = [server.files() for server in servers]
            _ask_and_harm(soak, plan, servers, loads, models, told)
            _settle(servers, soak)
            soak.after = [server.held() for server in servers]
            soak.new_files = [
                sorted(server.files() - known) for server, known in zip(servers, files, strict=True)
            ]
            _end(soak, servers)
    judge(soak)
    return soak


def _ask_and_harm(
    soak: Soak,
    plan: Plan,
    servers: list[Server],
    loads: list[Workload],
    models: dict[str, Path],
    told: Callable[[Soak], object],
) -> None:
    soak.started = time.monotonic()
    ports = [server.port for server in servers]
    clients = Clients(ports, loads, plan.clients, plan.seed, soak.started)
    soak.records = clients.records
    with Watch(servers) as watch:
        soak.seen = watch.seen
        clients.start()
        try:
            _harm(soak, plan, _scenes(soak, plan, servers, models), told)
        except KeyboardInterrupt:
            soak.failures.append("it was stopped before its time")
        finally:
            clients.stop()
            soak.seconds = time.monotonic() - soak.started


@contextlib.contextmanager
def _servers(models: dict[str, Path], out: Path) -> Iterator[tuple[list[Server], list[Workload]]]:
    """A server of one model, and one of several; and what they are asked."""
    arrays = workload.images(SAMPLE)
    masks = workload.expected(MODEL_DIR, {"": None, **workload.THRESHOLDS}, arrays)
    with (
        Server.serve(MODEL_DIR, log=out / "one-model.log") as one,
        Server.serve(None, log=out / "many-models.log", SAGEMAKER_MULTI_MODEL="true") as many,
    ):
        for name, model_dir in models.items():
            if not faults.load(many, name, model_dir):
                raise ServerFailed(f"model {name} was not loaded:\n{many.log()}")
        alone = {"": [*workload.requests_of("/invocations", arrays, masks[""])]}
        several = {
            name: [*workload.requests_of(f"/models/{name}/invoke", arrays, masks[name])]
            for name in models
        }
        yield [one, many], [Workload(alone), Workload(several)]


def _scenes(soak: Soak, plan: Plan, servers: list[Server], models: dict[str, Path]) -> list[Scene]:
    paths = ("/invocations", "/models/a/invoke")
    of_servers: tuple[dict[str, Path], ...] = ({}, models)
    return [
        Scene(
            server,
            SAMPLE.read_bytes(),
            path,
            loaded,
            lambda: time.monotonic() - soak.started,
            Random(f"{plan.seed}:{path}"),
        )
        for server, path, loaded in zip(servers, paths, of_servers, strict=True)
    ]


def _ask_quietly(load: Workload, server: Server) -> None:
    """Ask some requests of every model, of all formats, one after the other.

    Raises:
        ValueError: an answer is not that which the library computed.
    """
    connection = connect(server.port)
    with contextlib.closing(connection):
        for requests in load.requests.values():
            for request in requests:
                result, told = ask(connection, request)
                if result != RIGHT:
                    raise ValueError(
                        f"{request.path}, {request.name}: {told}\n{server.log()[-2000:]}"
                    )


def _warm(soak: Soak, plan: Plan, servers: list[Server], loads: list[Workload]) -> None:
    """Ask for a moment as during the soak: threads and workers open what they keep open."""
    ports = [server.port for server in servers]
    clients = Clients(ports, loads, plan.clients, plan.seed, time.monotonic())
    clients.start()
    try:
        time.sleep(WARM_SECONDS)
    finally:
        clients.stop()
    if others := [record.told for record in clients.records if record.result != RIGHT]:
        soak.failures.append(f"without a fault, {len(others)} requests failed: {others[0]}")


def _harm(soak: Soak, plan: Plan, scenes: list[Scene], told: Callable[[Soak], object]) -> None:
    """Make a fault every few seconds, until the time is over."""
    end, following = soak.started + 60 * plan.minutes, soak.started + plan.every / 2
    turns = itertools.islice(faults.plan(scenes), plan.most_faults)
    pending: threading.Thread | None = None

    def one() -> None:
        for number, kind in itertools.islice(turns, 1):
            soak.faults.append(faults.inject(scenes[number], number, kind))

    while (now := time.monotonic()) < end:
        busy = pending is not None and pending.is_alive()
        if following < now < end - plan.every / 2 and not busy:
            following += plan.every
            pending = threading.Thread(target=one)
            pending.start()
        soak.seconds = now - soak.started
        told(soak)
        time.sleep(STEP)
    if pending:
        pending.join()


def _settle(servers: list[Server], soak: Soak | None = None) -> None:
    """Wait until the servers are well, and hold no more than before the soak."""
    for number, server in enumerate(servers):
        server.wait_until_served()
        if soak is None:
            until(lambda server=server: len(server.workers()) > 0)
            time.sleep(SETTLE_SECONDS)
            continue
        was = soak.before[number]
        until(
            lambda server=server, was=was: not more(was, server.held()),
            QUIET_SECONDS,
        )


def _end(soak: Soak, servers: list[Server]) -> None:
    """Stop the servers, and see that they end well and leave nothing."""
    for name, server in zip(soak.names, servers, strict=True):
        if server.process.poll() is not None:
            soak.failures.append(f"the server of {name} ended by itself")
        elif (status := server.stop()) != 0:
            soak.failures.append(f"the server of {name} ended with {status}")
        left = left_of(server)
        if left:
            soak.failures.append(f"the server of {name} left {', '.join(left[:5])}")
