"""Tables and a picture of what was measured."""

import statistics
from pathlib import Path

BLUE, ORANGE, GRAY = "#0072b2", "#d55e00", "#999999"


def tables(result: dict) -> str:
    """Markdown."""
    lines = []
    for part, rows in result.items():
        nested = all(isinstance(row, dict) for row in rows.values())
        titles = list(next(iter(rows.values()))) if nested else [""]
        lines += ["", f"| {part} | " + " | ".join(titles) + " |", "|---" * (1 + len(titles)) + "|"]
        for name, row in rows.items():
            values = row.values() if nested else [row]
            lines.append(f"| {name} | " + " | ".join(map(str, values)) + " |")
    return "\n".join(lines)


def plot(result: dict, path: Path) -> None:
    """Latency of each server, throughput by clients, time and memory by size."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    latencies = [name for name in ("one client", "others, JSON, 64 filters") if name in result]
    count = len(latencies) + 2
    figure, axes = plt.subplots(1, count, figsize=(4.5 * count, 3.8), layout="constrained")
    for axis, name in zip(axes, latencies, strict=False):
        _latency(axis, name, result[name])
    _throughput(axes[-2], result["several clients"])
    _sizes(axes[-1], result["sizes"])
    facts = result["machine"]
    figure.suptitle(f"{facts['CPU']}, {facts['flags']}, {facts['date']}", fontsize=9)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _latency(axis, name: str, rows: dict) -> None:
    ours = [figures["ours, mean, ms"] for figures in rows.values() if "ours, mean, ms" in figures]
    figure = "mean, ms" if ours else "p50, ms"
    values = {row: figures[figure] for row, figures in rows.items()}
    if ours:
        values = {"ours": statistics.median(ours)} | values
    colors = {"bare": ORANGE, "ours": BLUE}
    bars = axis.barh(
        list(values), list(values.values()), color=[colors.get(n[:4], GRAY) for n in values]
    )
    axis.bar_label(bars, fmt="%.0f", padding=2, fontsize=8)
    axis.invert_yaxis()
    axis.set(title=f"512×512, {name}", xlabel=figure, xlim=(0, 1.15 * max(values.values())))


def _throughput(axis, rows: dict) -> None:
    formats = dict.fromkeys(name.split(", ")[0] for name in rows)
    for kind, mark in zip(formats, "os^", strict=True):
        points = {
            name.split(", ")[1]: row["images/s"]
            for name, row in rows.items()
            if name.startswith(kind)
        }
        axis.plot(list(points), list(points.values()), f"{mark}-", label=kind)
    highest = max(row["images/s"] for row in rows.values())
    axis.set(title="512×512, by clients", xlabel="clients", ylabel="images/s")
    axis.set_ylim(0, 1.2 * highest)
    axis.legend()


def _sizes(axis, rows: dict) -> None:
    sides = [name.split("×")[0] for name in rows]
    axis.plot(sides, [row["µs per pixel"] for row in rows.values()], "o-", color=BLUE)
    axis.set(title="by size, PNG", xlabel="side, pixels", ylabel="µs per pixel", ylim=(0, None))
    memory = axis.twinx()
    grown = [row["worker grew by, MB"] for row in rows.values()]
    memory.plot(sides, grown, "s--", color=ORANGE)
    memory.set_ylabel("worker grew by, MB (dashed)")
    memory.set_ylim(0, None)
