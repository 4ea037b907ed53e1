#!/usr/bin/env python3
"""Measure how fast the server is, beside the bare engine and other servers, on this machine."""

import json
import os
import platform
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import click
import psutil
from tqdm import tqdm

import parts
import report
import servers
from images import EMBEDDED, not_prepared, save_untrained
from lib.server import ServerFailed
from segmentation import artifacts, machine
from segmentation.networks.hardware import CPU_FLAGS

ROOT = Path(__file__).resolve().parents[1]
OTHERS = "others"  # what the names of parts with other people's servers begin with
Part = Callable[[], object]


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    starts: int
    rounds: int  # with one client
    requests: int  # with several
    sizes: tuple[int, ...]
    everything: bool  # also the full width, and other people's servers


FULL = Plan(5, 30, 96, (256, 512, 1024, 2048, 4096, 8192), everything=True)
QUICK = Plan(1, 8, 16, (256, 512, 1024, 2048), everything=False)
LEAST = Plan(1, 2, 8, (256, 512), everything=False)


@click.command()
@click.option("--quick", is_flag=True, help="less of everything, without the others: two minutes")
@click.option("--least", is_flag=True, help="what shows that it runs, and nothing of speed")
@click.option("--only", multiple=True, help="this part alone, by its name in the tables; several")
@click.option("--out", default=ROOT / "out", type=click.Path(path_type=Path), help="default: out")
def main(quick: bool, least: bool, only: tuple[str, ...], out: Path) -> None:
    """Measure how fast the server is, beside the bare engine and other servers, on this machine.

    Writes benchmark.json and benchmark.png to --out, and prints tables. What is compared takes
    turns in one run, because machines are noisy; times are as a client sees them. With --only it
    prints the tables of these parts, and writes nothing.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # and every server with it
    plan = LEAST if least else QUICK if quick else FULL
    if not only:
        out.mkdir(parents=True, exist_ok=True)
    result: dict = {"machine": describe_machine()}
    with tempfile.TemporaryDirectory() as folder:
        chosen = choose(parts_of(plan, Path(folder)), only)
        if any(name.startswith(OTHERS) for name, _ in chosen):
            servers.install_peers()
        for name, part in (bar := tqdm(chosen, unit="part", disable=None)):
            bar.set_description(name)
            result[name] = measure(part)
    click.echo(report.tables(result))
    if only:
        return
    (out / "benchmark.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    report.plot(result, out / "benchmark.png")
    click.echo(f"\nwrote {out / 'benchmark.json'} and {out / 'benchmark.png'}")


def choose(measured: list[tuple[str, Part]], names: Sequence[str]) -> list[tuple[str, Part]]:
    """The parts of these names, or all of them where none is named.

    Raises:
        click.UsageError: there is no part of that name.
    """
    known = dict(measured)
    for name in names:
        if name not in known:
            raise click.UsageError(f"there is no part {name!r}; there are {', '.join(known)}")
    return [(name, part) for name, part in measured if not names or name in names]


def measure(part: Part) -> object:
    try:
        return part()
    except ServerFailed as error:
        raise click.ClickException(str(error)) from error


def parts_of(plan: Plan, folder: Path) -> list[tuple[str, Part]]:
    """The parts and their names, in the order in which they are measured."""
    few = min(plan.rounds, max(4, plan.rounds // 4))
    artifacts.prepare(EMBEDDED)
    models = _both(EMBEDDED, folder / "embedded")
    always: list[tuple[str, Part]] = [
        ("steps", lambda: parts.steps(EMBEDDED, plan.rounds)),
        ("one client", lambda: parts.one_client(EMBEDDED, plan.rounds, plan.rounds)),
        ("several clients", lambda: parts.several_clients(plan.requests)),
        ("eight clients", lambda: parts.eight_clients(EMBEDDED, few, plan.requests)),
        ("stacks", lambda: parts.stacks(few)),
        ("sizes", lambda: parts.sizes(plan.sizes)),
        ("multi-model", lambda: parts.multi_model(models)),
    ]
    if not plan.everything:
        return [("start", lambda: parts.starts(models, plan.starts)), *always]
    wide = folder / "wide"
    wide.mkdir()
    settings = save_untrained(wide, filters=64)
    models_64 = {
        f"{name}, 64 filters": path for name, path in _both(wide, folder / "again").items()
    }
    start = ("start", lambda: parts.starts(models | models_64, plan.starts))
    return [start, *always, *parts_of_everything(plan, wide, settings)]


def _both(model_dir: Path, copy: Path) -> dict[str, Path]:
    """A model as it is, and a copy without its graph."""
    return {"prepared": model_dir, "not prepared": not_prepared(model_dir, copy)}


def parts_of_everything(plan: Plan, wide: Path, settings: dict[str, str]) -> list[tuple[str, Part]]:
    """The full width, and other people's servers."""
    return [
        ("steps, 64 filters", lambda: parts.steps(wide, 8)),
        ("one client, 64 filters", lambda: parts.one_client(wide, 6, 1, **settings)),
        ("eight clients, 64 filters", lambda: parts.eight_clients(wide, 3, 16, **settings)),
        (f"{OTHERS}, JSON", lambda: parts.others(EMBEDDED, plan.rounds)),
        (f"{OTHERS}, JSON, 64 filters", lambda: parts.others(wide, 6, **settings)),
    ]


def describe_machine() -> dict[str, str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    facts = dict(re.split(r"\s*:\s*", line, maxsplit=1) for line in lines if ":" in line)
    known = ("avx2", "avx512f", *sorted(CPU_FLAGS))
    flags = [flag for flag in known if flag in facts.get("flags", "").split()]
    return {
        "date": date.today().isoformat(),
        "CPU": f"{machine.available_cpus()} × {facts.get('model name', platform.machine())}",
        "flags": " ".join(flags),
        "memory": f"{psutil.virtual_memory().total / 1e9:.0f} GB",
        "system": f"Linux {platform.release()}, Python {platform.python_version()}",
    }


if __name__ == "__main__":
    main()
