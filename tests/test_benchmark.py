"""The benchmark runs, and says what it measured. How fast anything is, is not tested."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
from PIL import Image

import measure
import report

ROOT = Path(__file__).resolve().parent.parent


def test_the_quick_benchmark(tmp_path):
    before = java_processes()
    command = [sys.executable, ROOT / "benchmark" / "run.py", "--quick", "--out", tmp_path]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    result = json.loads((tmp_path / "benchmark.json").read_text())
    assert list(result) == [
        "machine",
        "start",
        "steps",
        "one client",
        "several clients",
        "eight clients",
        "sizes",
    ]
    assert list(result["one client"]) == ["bare engine", "ours, PNG", "ours, NPY", "ours, JSON"]
    for part in ("several clients", "eight clients", "sizes"):
        assert not any(row["failed"] for row in result[part].values())
    assert report.tables(result) in run.stdout
    with Image.open(tmp_path / "benchmark.png") as plot:
        assert plot.width > 500
    assert java_processes() <= before


def java_processes():
    return {process.pid for process in psutil.process_iter() if process.name() == "java"}


def test_ratios_are_of_medians_with_the_quartiles_of_rounds():
    assert measure.ratio([2.0, 4.0, 6.0, 8.0, 100.0], [1.0, 2.0, 3.0, 4.0, 10.0]) == (
        "2.00 (2.00–2.00)"
    )
    assert measure.ratio([1.0, 3.0, 2.0], [1.0, 1.0, 1.0]) == "2.00 (1.50–2.50)"


def test_turns_are_taken_round_by_round():
    order = []

    def takes(name, seconds):
        def action():
            order.append(name)
            return seconds

        return action

    actions = {"bare": takes("bare", 0.1), "ours": takes("ours", 0.12)}
    rows = measure.in_turns(actions, rounds=2, warm_up=3)
    assert order == ["bare"] * 3 + ["ours"] * 3 + ["bare", "ours"] * 2
    assert rows["ours"]["p50, ms"] == 120.0
    assert rows["ours"]["÷ bare"] == "1.20 (1.20–1.20)"
    assert rows["ours"]["− bare, ms"] == 20.0


def test_tables_are_markdown():
    table = report.tables({"machine": {"CPU": "2"}, "sizes": {"1×1": {"seconds": 1, "failed": 0}}})
    assert table.splitlines() == [
        "",
        "| machine |  |",
        "|---|---|",
        "| CPU | 2 |",
        "",
        "| sizes | seconds | failed |",
        "|---|---|---|",
        "| 1×1 | 1 | 0 |",
    ]
