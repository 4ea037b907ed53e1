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
    command = [sys.executable, ROOT / "benchmark" / "run.py", "--least", "--out", tmp_path]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
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
