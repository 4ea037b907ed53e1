"""The report of a soak: Markdown, JSON, and a plot of latency, memory and descriptors."""

import json
import platform
import re
from collections import defaultdict
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from segmentation import machine

from .clients import LOST, RIGHT, WRONG
from .soak_verdict import Soak, growth

WINDOW = 10.0  # seconds of which a latency is told
MEBIBYTE = 1 << 20
COLORS = ("#1f77b4", "#d95f02")


def figures(soak: Soak, clients: int, command: str) -> dict[str, Any]:
    """All that is told, as JSON has it."""
    latencies = np.array([record.end - record.begin for record in soak.of(RIGHT)] or [0.0])
    lost, excused = len(soak.of(LOST)), sum(soak.excused)
    return {
        "command": command,
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "cpu": f"{machine.available_cpus()} × {_cpu()}",
        "python": platform.python_version(),
        "minutes": round(soak.seconds / 60, 2),
        "clients": clients,
        "requests": len(soak.records),
        "right": len(soak.of(RIGHT)),
        "wrong": len(soak.of(WRONG)),
        "lost_to_faults": excused,
        "lost_outside_faults": lost - excused,
        "seconds": {
            f"p{percent}": round(float(np.percentile(latencies, percent)), 3)
            for percent in (50, 95, 99, 100)
        },
        "faults": _of_faults(soak),
        "servers": [_of_server(soak, number) for number in range(len(soak.names))],
        "failures": soak.failures,
    }


def _cpu() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _of_faults(soak: Soak) -> dict[str, dict[str, float]]:
    told: dict[str, dict[str, float]] = {}
    for fault, lost in zip(soak.faults, soak.excused, strict=True):
        one = told.setdefault(fault.name, {"times": 0, "lost": 0, "well_after": 0})
        one["times"] += 1
        one["lost"] += lost
        one["well_after"] = round(max(one["well_after"], fault.end - fault.begin), 1)
    return told


def _of_server(soak: Soak, number: int) -> dict[str, Any]:
    seen = soak.seen[number] if soak.seen else []
    told: dict[str, Any] = {"name": soak.names[number]}
    for when, held in (("before", soak.before), ("after", soak.after)):
        if len(held) > number:
            told[when] = {key: value for key, value in asdict(held[number]).items() if key != "at"}
    if len(seen) >= 8:
        told["memory_growth"] = round(growth(seen), 3)
        told["most_memory"] = max(held.memory for held in seen)
        told["most_descriptors"] = max(held.descriptors for held in seen)
    return told


def markdown(told: dict[str, Any], plot: str) -> str:
    """The figures in tables, and the plot."""
    lines = [
        "# A soak of the server",
        "",
        f"`{told['command']}`, {told['date']}, {told['minutes']:g} minutes, {told['cpu']}; two "
        f"servers, of one model and of three, {told['clients']} clients in all.",
        "",
        "| | |",
        "|---|---:|",
        f"| requests | {told['requests']:,} |",
        f"| answered with the mask, or the error, that was computed before | {told['right']:,} |",
        f"| wrong answers | {told['wrong']:,} |",
        f"| lost outside of faults | {told['lost_outside_faults']:,} |",
        f"| lost to faults: what a killed worker computed, what asked for an unloaded model | "
        f"{told['lost_to_faults']:,} |",
        f"| latency, s: p50, p95, p99, the longest | "
        f"{', '.join(str(value) for value in told['seconds'].values())} |",
        "",
        "| fault | times | lost to it | well again after at most |",
        "|---|---:|---:|---:|",
    ]
    for name, one in told["faults"].items():
        lines.append(f"| {name} | {one['times']} | {one['lost']} | {one['well_after']:.1f} s |")
    lines += [
        "",
        "| server | | before | after |",
        "|---|---|---:|---:|",
    ]
    for server in told["servers"]:
        for what in ("processes", "descriptors", "files", "memory"):
            values = [server.get(when, {}).get(what, 0) for when in ("before", "after")]
            if what == "memory":
                texts = [f"{value / MEBIBYTE:,.0f} MiB" for value in values]
            else:
                texts = [f"{value:,}" for value in values]
            lines.append(f"| {server['name']} | {what} | {' | '.join(texts)} |")
        if "memory_growth" in server:
            lines.append(
                f"| {server['name']} | memory of the last quarter to the second | | "
                f"{server['memory_growth']:.2f} × |"
            )
    result = "; ".join(told["failures"]) or "none"
    return "\n".join(
        [*lines, "", f"Failures: {result}.", "", f"![latency, memory, descriptors]({plot})", ""]
    )


def draw(soak: Soak, path: Path) -> None:
    """Latency, memory and descriptors over time, with a line for each fault."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(3, 1, figsize=(11, 9), sharex=True)
    for number, (name, color) in enumerate(zip(soak.names, COLORS, strict=False)):
        for percent, style in ((50, "-"), (95, ":")):
            times, values = _latencies(soak, number, percent)
            panels[0].plot(times, values, style, color=color, label=f"{name}, p{percent}")
        seen = soak.seen[number] if soak.seen else []
        times = [(held.at - soak.started) / 60 for held in seen]
        panels[1].plot(times, [held.memory / MEBIBYTE for held in seen], color=color, label=name)
        panels[2].plot(times, [held.descriptors for held in seen], color=color, label=name)
    for panel, title in zip(
        panels, ("latency, s", "resident memory, MiB", "open descriptors"), strict=True
    ):
        for fault in soak.faults:
            panel.axvline(fault.begin / 60, color=COLORS[fault.server], alpha=0.25, linewidth=0.8)
        panel.set_ylabel(title)
        panel.set_ylim(bottom=0)
        panel.legend(loc="upper right", fontsize=8)
        panel.grid(alpha=0.3)
    panels[-1].set_xlabel("minutes (vertical lines: faults)")
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def _latencies(soak: Soak, server: int, percent: float) -> tuple[list[float], list[float]]:
    """A percentile of each stretch of time, in minutes and seconds."""
    windows: dict[int, list[float]] = defaultdict(list)
    for record in soak.of(RIGHT):
        if record.server == server:
            windows[int(record.end // WINDOW)].append(record.end - record.begin)
    times = [(window + 0.5) * WINDOW / 60 for window in sorted(windows)]
    return times, [float(np.percentile(windows[window], percent)) for window in sorted(windows)]


def write(soak: Soak, clients: int, command: str, path: Path) -> str:
    """Write Markdown to a path, and JSON and the plot beside it; the Markdown."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = figures(soak, clients, command)
    picture = path.with_suffix(".png")
    draw(soak, picture)
    path.with_suffix(".json").write_text(json.dumps(told, indent=1) + "\n")
    text = markdown(told, picture.name)
    path.write_text(text)
    return text
