"""The benchmark runs, and says what it measured. How fast anything is, is not tested."""

import json
import os
import subprocess
import sys
from pathlib import Path

from PIL import Image

import report
from lib.server import processes_below

ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark(tmp_path):
    run = run_benchmark("--least", "--out", tmp_path, TMPDIR=str(tmp_path))
    assert run.returncode == 0, run.stderr
    result = json.loads((tmp_path / "benchmark.json").read_text())
    assert list(result) == [
        "machine",
        "start",
        "steps",
        "one client",
        "several clients",
        "eight clients",
        "stacks",
        "sizes",
        "multi-model",
    ]
    assert list(result["one client"]) == ["bare engine", "ours, PNG", "ours, NPY", "ours, JSON"]
    for part in ("several clients", "eight clients", "sizes"):
        assert not any(row["failed"] for row in result[part].values())
    assert report.tables(result) in run.stdout
    with Image.open(tmp_path / "benchmark.png") as plot:
        assert plot.width > 500
    assert not processes_below(tmp_path)


def test_one_part_alone(tmp_path):
    run = run_benchmark("--least", "--only", "steps", "--out", tmp_path / "out")
    assert run.returncode == 0, run.stderr
    assert [line for line in run.stdout.splitlines() if line.startswith("| steps |")]
    assert "eight clients" not in run.stdout
    assert not (tmp_path / "out").exists()


def test_a_part_that_there_is_not():
    run = run_benchmark("--least", "--only", "nine clients")
    assert run.returncode == 2
    assert "there is no part 'nine clients'; there are start, steps, one client" in run.stderr


def run_benchmark(*arguments, **environment):
    command = [sys.executable, ROOT / "benchmark" / "run.py", *arguments]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
