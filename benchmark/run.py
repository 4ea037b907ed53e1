#!/usr/bin/env python3
"""Measure how fast the server is, beside the bare engine and other servers, on this machine.

    make bench                # or: benchmark/run.py --quick, about two minutes, without the others

Writes benchmark.json and benchmark.png to --out, and prints tables. What is compared takes turns in
one run, because machines are noisy; times are as a client sees them.
"""

import argparse
import contextlib
import functools
import json
import os
import platform
import re
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import psutil
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "inference")]

import report  # noqa: E402
import targets  # noqa: E402
from measure import Row, at_once, bodies, in_turns, png, ratio  # noqa: E402
from segmentation import machine, precision, unet  # noqa: E402
from synthetic import section  # noqa: E402

EMBEDDED = ROOT / "models" / "unet-membrane"
CLIENTS = (1, 2, 4, 8)
STOCK = "stock toolkit"


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    starts: int
    rounds: int  # with one client
    requests: int  # with several
    sizes: tuple[int, ...]
    everything: bool  # also the full width, and other people's servers


FULL = Plan(5, 30, 48, (256, 512, 1024, 2048, 4096, 8192), everything=True)
QUICK = Plan(1, 8, 16, (256, 512, 1024, 2048), everything=False)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="(default: out)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # and every server with it
    options.out.mkdir(parents=True, exist_ok=True)
    plan = QUICK if options.quick else FULL
    if plan.everything:
        targets.install_peers()
    result: dict = {"machine": describe_machine()}
    with tempfile.TemporaryDirectory() as folder:
        parts = list(parts_of(plan, Path(folder)).items())
        for name, part in (bar := tqdm(parts, unit="part", disable=None)):
            bar.set_description(name)
            result[name] = part()
    (options.out / "benchmark.json").write_text(
        json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    )
    report.plot(result, options.out / "benchmark.png")
    print(report.tables(result))
    print(f"\nwrote {options.out / 'benchmark.json'} and {options.out / 'benchmark.png'}")


def parts_of(plan: Plan, folder: Path) -> dict[str, Callable[[], object]]:
    few = max(4, plan.rounds // 4)
    parts: dict[str, Callable[[], object]] = {
        "start": lambda: starts(plan.starts),
        "steps": lambda: targets.steps(EMBEDDED, section(1)[0], plan.rounds),
        "one client": lambda: one_client(EMBEDDED, plan.rounds, plan.rounds),
        "several clients": lambda: several_clients(plan.requests),
        "eight clients": lambda: eight_clients(EMBEDDED, few, plan.requests),
        "sizes": lambda: sizes(plan.sizes),
    }
    if plan.everything:
        # random weights are as fast as trained ones, but too undecided for `auto`
        bfloat16 = precision.fastest() == precision.BFLOAT16
        wide = {"UNET_PRECISION": precision.BFLOAT16} if bfloat16 else {}
        unet.build(filters=64).save(folder / "unet.keras")
        parts["steps, 64 filters"] = lambda: targets.steps(folder, section(1)[0], 12)
        parts["one client, 64 filters"] = lambda: one_client(folder, 10, 2, **wide)
        parts["eight clients, 64 filters"] = lambda: eight_clients(folder, 3, 8, **wide)
        parts["others, JSON"] = lambda: others(EMBEDDED, plan.rounds)
        parts["others, JSON, 64 filters"] = lambda: others(folder, 12, **wide)
    return parts


def describe_machine() -> dict[str, str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    facts = dict(re.split(r"\s*:\s*", line, maxsplit=1) for line in lines if ":" in line)
    known = ("avx2", "avx512f", *sorted(precision.CPU_FLAGS))
    flags = [flag for flag in known if flag in facts.get("flags", "").split()]
    return {
        "date": date.today().isoformat(),
        "CPU": f"{machine.available_cpus()} × {facts.get('model name', platform.machine())}",
        "flags": " ".join(flags),
        "memory": f"{psutil.virtual_memory().total / 1e9:.0f} GB",
        "system": f"Linux {platform.release()}, Python {platform.python_version()}",
    }


def starts(count: int) -> Row:
    """From start to ready, where the seconds go, and the first requests after it."""
    body = png(section(1)[0])
    seconds: dict[str, list[float]] = {}
    ratios = []
    for _ in range(count):
        with targets.ours(EMBEDDED) as server:
            first = server.post(*body)
            following = statistics.median(server.post(*body) for _ in range(10))
            server.check()
            logged = re.search(r"ready: ([\d.]+) s for TensorFlow, ([\d.]+) s", server.log())
            assert logged, "the worker logs what it needed"
        imports, model = map(float, logged.groups())
        before, ready = server.first_answer_seconds, server.start_seconds
        ratios.append(first / following)
        for name, value in {
            "start to ready, s": ready,
            "until Java answers, s": before,
            "until the worker runs our code, s": ready - before - imports - model,
            "TensorFlow's import, s": imports,
            "model, precision, warm-up, s": model,
            "first request, s": first,
            "following ones, p50, s": following,
        }.items():
            seconds.setdefault(name, []).append(value)
    row: Row = {name: round(statistics.median(values), 3) for name, values in seconds.items()}
    return row | {"first ÷ following": round(statistics.median(ratios), 2)}


def one_client(model_dir: Path, rounds: int, warm_up: int = 2, **settings: str) -> dict[str, Row]:
    """512×512, one request at a time, beside the bare engine."""
    image = section(1)[0]
    cpus = machine.available_cpus()
    with (
        targets.bare(model_dir, image, 1, cpus, **settings) as engine,
        targets.ours(model_dir, **settings) as server,
    ):
        actions: dict[str, Callable[[], float]] = {"bare engine": lambda: engine.run(1)[0]}
        for name, body in bodies(image).items():
            actions[f"ours, {name}"] = functools.partial(server.post, *body)
        rows = in_turns(actions, rounds, warm_up=warm_up)
        server.check()
        return rows


def others(model_dir: Path, rounds: int, **settings: str) -> dict[str, Row]:
    """512×512 as JSON, one request at a time: ours and each of the others, two at a time.

    Of means as well, because ``model.predict`` takes one of two times: see docs/decisions.md.
    """
    image = section(1)[0]
    ask = bodies(image)["JSON"]
    rows: dict[str, Row] = {}
    with targets.ours(model_dir, **settings) as server:
        for name in (*targets.PEERS, STOCK):
            # the toolkit's decoder takes no object with "instances"
            body = (json.dumps(image.tolist()).encode(), ask[1]) if name == STOCK else ask
            context = targets.stock(model_dir) if name == STOCK else targets.peer(name, model_dir)
            with context as other:
                pair = {
                    "ours": functools.partial(server.post, *ask),
                    name: functools.partial(other.post, *body),
                }
                found = in_turns(pair, rounds, base="ours", warm_up=5)
                other.check()
            means = {one: float(str(row["mean, ms"])) for one, row in found.items()}
            rows[name] = found[name] | {
                "÷ ours, of means": round(means[name] / means["ours"], 2),
                "ours, mean, ms": means["ours"],
            }
        server.check()
    return rows


def several_clients(count: int) -> dict[str, Row]:
    """512×512 in each format, with the default of one worker."""
    rows = {}
    with targets.ours(EMBEDDED) as server:
        for name, body in bodies(section(1)[0]).items():
            server.post(*body)
            for clients in CLIENTS:
                rows[f"{name}, {clients}"] = at_once(server, body, clients, count)
    return rows


def eight_clients(model_dir: Path, rounds: int, count: int, **settings: str) -> dict[str, Row]:
    """Images per second, beside the bare engine: one process with all CPUs, and one per CPU."""
    image, cpus = section(1)[0], machine.available_cpus()
    body = png(image)
    rates: dict[str, list[float]] = {}
    last: dict[str, Row] = {}
    with contextlib.ExitStack() as stack:
        engines, servers = {}, {}
        for processes in (1, cpus):
            name = f"{processes} × {cpus // processes} threads"
            engines[f"bare engine, {name}"] = stack.enter_context(
                targets.bare(model_dir, image, processes, cpus // processes, **settings)
            )
            servers[f"ours, {name}"] = stack.enter_context(
                targets.ours(model_dir, SAGEMAKER_MODEL_SERVER_WORKERS=str(processes), **settings)
            )
        for _ in range(rounds):
            for name, engine in engines.items():
                rates.setdefault(name, []).append(engine.rate(count))
            for name, server in servers.items():
                last[name] = at_once(server, body, 8, count)
                rates.setdefault(name, []).append(float(str(last[name]["images/s"])))
        for server in servers.values():
            server.check()
    best = max((rates[name] for name in engines), key=statistics.median)
    return {
        name: {"images/s": round(statistics.median(values), 2), "÷ best bare": ratio(values, best)}
        | {key: last.get(name, {}).get(key, "") for key in ("p50, ms", "p99, ms", "failed")}
        for name, values in rates.items()
    }


def sizes(sides: tuple[int, ...]) -> dict[str, Row]:
    """Images from small to large, as PNG: time per pixel, and how the worker's memory grows.

    Before each size the time of 512×512 is taken anew, so that the ratio is one of neighbours.
    """
    small_image = section(1)[0]
    small_body = png(small_image)
    rows: dict[str, Row] = {}
    with targets.ours(EMBEDDED) as server:
        for _ in range(3):
            server.post(*small_body)
        before = server.peak_bytes()
        for side in sides:
            repeats = -(-side // 512)
            image = np.tile(small_image, (repeats, repeats))[:side, :side]
            body = png(image)
            small = statistics.median(server.post(*small_body) for _ in range(9))
            seconds = statistics.median(server.post(*body) for _ in range(5 if side <= 2048 else 1))
            rows[f"{side}×{side}"] = {
                "seconds": round(seconds, 3),
                "µs per pixel": round(1e6 * seconds / side**2, 3),
                "per pixel ÷ 512×512": round(seconds / side**2 / (small / 512**2), 2),
                "worker grew by, MB": round((server.peak_bytes() - before) / 1e6),
                "of 300 + 3 × image, MB": round(300 + 3 * side**2 / 1e6),
                "failed": server.failures,
            }
    return rows


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
