"""The parts of the benchmark: each measures one thing, and gives the rows of its table."""

import contextlib
import functools
import json
import re
import statistics
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

import engines
import servers
from images import EMBEDDED, bodies, picture, png, tiff
from segmentation import machine
from timing import Row, in_turns, ratio

CLIENTS = (1, 2, 4, 8)
STOCK = "stock toolkit"
OURS = {"ours": {}, "ours, one worker": {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}}
PAGES, PAGE_SIDE = 20, 256
MODELS = ("one", "two", "three")
Figures = dict[str, list[float]]


def starts(models: Mapping[str, Path], count: int) -> dict[str, Row]:
    """From start to ready, in turns: where the seconds go, memory, and the first requests."""
    figures: dict[str, Figures] = {name: {} for name in models}
    for _ in range(count):
        for name, model_dir in models.items():
            _collect(figures[name], _start(model_dir))
    return {name: _row_of_start(measured) for name, measured in figures.items()}


def _start(model_dir: Path) -> dict[str, float]:
    body = png(picture())
    with servers.ours(model_dir) as server:
        idle = server.resident_bytes()
        first = server.post(*body)
        following = statistics.median(server.post(*body) for _ in range(10))
        server.check()
        # of the worker that was ready first: /ping needs no other
        logged = re.search(r"is ready: ([\d.]+) s to load it", server.log())
        assert logged, "each worker logs what it needed"
    load = float(logged[1])
    before, ready = server.first_answer_seconds, server.start_seconds
    return {
        "start to ready, s": ready,
        "until Java answers, s": before,
        "until the worker loads, s": ready - before - load,
        "load and warm-up, s": load,
        "memory when idle, MB": idle / 1e6,
        "first request, s": first,
        "following ones, p50, s": following,
    }


def _row_of_start(figures: Figures) -> Row:
    first, following = figures["first request, s"], figures["following ones, p50, s"]
    ratios = np.divide(first, following)
    return _medians(figures) | {"first ÷ following": round(statistics.median(ratios), 2)}


def _collect(figures: Figures, measured: Mapping[str, float]) -> None:
    for name, value in measured.items():
        figures.setdefault(name, []).append(value)


def _medians(figures: Figures) -> Row:
    return {name: round(statistics.median(values), 3) for name, values in figures.items()}


def multi_model(models: Mapping[str, Path]) -> Row:
    """Seconds to load the embedded model, and memory with each further one, asked once.

    Args:
        models: "prepared" and "not prepared".
    """
    row: Row = {}
    body = png(picture())
    unprepared, prepared = models["not prepared"], models["prepared"]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        with servers.many(Path(folder)) as server:
            row["without a model, MB"] = round(server.resident_bytes() / 1e6)
            row["first load, not prepared, s"] = _load_once(server, unprepared)
            row["second load, its graph is kept, s"] = _load_once(server, unprepared)
            row["load, prepared, s"] = _load_once(server, prepared)
        with servers.many(Path(folder)) as server:
            for name in MODELS:
                servers.load(server, name, prepared)
                server.post(*body, path=f"/models/{name}/invoke")
                row[f"with {name}, MB"] = round(server.resident_bytes() / 1e6)
            server.check()
    return row


def _load_once(server: servers.Server, model_dir: Path) -> float:
    """The seconds that loading a model takes, which is unloaded then."""
    seconds = servers.load(server, "model", model_dir)
    servers.unload(server, "model")
    return round(seconds, 2)


def stacks(rounds: int) -> dict[str, Row]:
    """A page of a stack, as TIFF, beside the same image alone."""
    page = picture()[:PAGE_SIDE, :PAGE_SIDE]
    alone, stack = tiff([page]), tiff([page] * PAGES)
    with servers.ours(EMBEDDED) as server:
        actions: dict[str, Callable[[], float]] = {
            f"{PAGE_SIDE}×{PAGE_SIDE} alone": lambda: server.post(*alone),
            f"a page of {PAGES}": lambda: server.post(*stack) / PAGES,
        }
        rows = in_turns(actions, rounds, base="alone", warm_up=5)
        server.check()
    return rows


def steps(model_dir: Path, rounds: int) -> dict[str, Row]:
    """What each step of making the network faster brings, without a server."""
    return engines.steps(model_dir, picture(), rounds)


def one_client(model_dir: Path, rounds: int, warm_up: int = 2, **settings: str) -> dict[str, Row]:
    """512×512, one request at a time, beside the bare engine."""
    image = picture()
    cpus = machine.available_cpus()
    with (
        engines.bare(model_dir, image, 1, cpus, **settings) as engine,
        servers.ours(model_dir, **settings) as server,
    ):
        actions: dict[str, Callable[[], float]] = {"bare engine": lambda: engine.run(1)[0]}
        for name, body in bodies(image).items():
            actions[f"ours, {name}"] = functools.partial(server.post, *body)
        rows = in_turns(actions, rounds, warm_up=warm_up)
        server.check()
        return rows


def others(model_dir: Path, rounds: int, **settings: str) -> dict[str, Row]:
    """512×512 as JSON, one request at a time: ours and each of the others, two at a time."""
    rows: dict[str, Row] = {}
    with servers.ours(model_dir, **settings) as server:
        for name in (*servers.PEERS, STOCK):
            rows[name] = _beside(server, name, model_dir, rounds)
        server.check()
    return rows


def _beside(server: servers.Server, name: str, model_dir: Path, rounds: int) -> Row:
    """The row of another server.

    Of means as well, because ``model.predict`` takes one of two times: see docs/decisions.md.
    """
    image = picture()
    our_body = their_body = bodies(image)["JSON"]
    if name == STOCK:  # the toolkit's decoder takes no object with "instances"
        their_body = json.dumps(image.tolist()).encode(), our_body[1]
    starting = servers.stock(model_dir) if name == STOCK else servers.peer(name, model_dir)
    with starting as other:
        pair = {
            "ours": functools.partial(server.post, *our_body),
            name: functools.partial(other.post, *their_body),
        }
        rows = in_turns(pair, rounds, base="ours", warm_up=5)
        other.check()
    means = {one: float(str(row["mean, ms"])) for one, row in rows.items()}
    return rows[name] | {
        "÷ ours, of means": round(means[name] / means["ours"], 2),
        "ours, mean, ms": means["ours"],
    }


def several_clients(count: int) -> dict[str, Row]:
    """512×512 in each format, with the default settings."""
    rows = {}
    with servers.ours(EMBEDDED) as server:
        for name, body in bodies(picture()).items():
            servers.at_once(server, body, CLIENTS[-1], CLIENTS[-1])  # warms up all workers
            for clients in CLIENTS:
                rows[f"{name}, {clients}"] = servers.at_once(server, body, clients, count)
    return rows


def eight_clients(model_dir: Path, rounds: int, count: int, **settings: str) -> dict[str, Row]:
    """Images per second, beside the bare engine: one process with all CPUs, and one per CPU.

    Servers with the default number of workers, and with one.
    """
    image, cpus = picture(), machine.available_cpus()
    body = png(image)
    rates: dict[str, list[float]] = {}
    last: dict[str, Row] = {}
    with contextlib.ExitStack() as stack:
        bare = {
            f"bare engine, {processes} × {cpus // processes} threads": stack.enter_context(
                engines.bare(model_dir, image, processes, cpus // processes, **settings)
            )
            for processes in (1, cpus)
        }
        ours = {
            name: stack.enter_context(servers.ours(model_dir, **settings, **workers))
            for name, workers in OURS.items()
        }
        for server in ours.values():
            servers.at_once(server, body, 8, 3 * count)  # Java warms up slowly
        for _ in range(rounds):
            for name, engine in bare.items():
                rates.setdefault(name, []).append(engine.rate(count))
            for name, server in ours.items():
                last[name] = servers.at_once(server, body, 8, count)
                rates.setdefault(name, []).append(float(str(last[name]["images/s"])))
        for server in ours.values():
            server.check()
    return _rows_of_rates(rates, last, best=max((rates[n] for n in bare), key=statistics.median))


def _rows_of_rates(
    rates: dict[str, list[float]], last: dict[str, Row], best: list[float]
) -> dict[str, Row]:
    return {
        name: {"images/s": round(statistics.median(values), 2), "÷ best bare": ratio(values, best)}
        | {key: last.get(name, {}).get(key, "") for key in ("p50, ms", "p99, ms", "failed")}
        for name, values in rates.items()
    }


def sizes(sides: tuple[int, ...]) -> dict[str, Row]:
    """Images from small to large, as PNG: time per pixel, and how the worker's memory grows."""
    rows: dict[str, Row] = {}
    with servers.ours(EMBEDDED) as server:
        for _ in range(3):
            server.post(*png(picture()))
        before = server.peak_bytes()
        for side in sides:
            rows[f"{side}×{side}"] = _size(server, side, before)
    return rows


def _size(server: servers.Server, side: int, before: int) -> Row:
    """The row of one size.

    The time of 512×512 is taken anew, just before, so that the ratio is one of neighbours.
    """
    small_image = picture()
    small_body = png(small_image)
    repeats = -(-side // 512)
    body = png(np.tile(small_image, (repeats, repeats))[:side, :side])
    small = statistics.median(server.post(*small_body) for _ in range(9))
    seconds = statistics.median(server.post(*body) for _ in range(5 if side <= 2048 else 1))
    return {
        "seconds": round(seconds, 3),
        "µs per pixel": round(1e6 * seconds / side**2, 3),
        "per pixel ÷ 512×512": round(seconds / side**2 / (small / 512**2), 2),
        "worker grew by, MB": round((server.peak_bytes() - before) / 1e6),
        "of 300 + 3 × image, MB": round(300 + 3 * side**2 / 1e6),
        "failed": server.failures,
    }
