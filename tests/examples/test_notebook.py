"""The notebook in examples/: it runs, and what it holds is what it gave."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "examples" / "from_folder_to_endpoint.ipynb"
PATIENCE = 1800.0  # seconds, for what takes two minutes: the machine may be busy


def cells(path: Path) -> list[dict]:
    """The cells with code of a notebook."""
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def printed(path: Path) -> str:
    """All that the cells of a notebook printed."""
    outputs = [output for cell in cells(path) for output in cell["outputs"]]
    return "".join("".join(output.get("text", "")) for output in outputs)


def pictures(path: Path) -> int:
    outputs = [output for cell in cells(path) for output in cell["outputs"]]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def test_its_outputs_are_in_it():
    assert NOTEBOOK.stat().st_size < 1_000_000
    assert all(cell["execution_count"] for cell in cells(NOTEBOOK))
    assert pictures(NOTEBOOK) == 3
    assert "objects; the largest five" in printed(NOTEBOOK)
    for folder in ("/work", "/tmp", "/home", "/root", "Traceback"):
        assert folder not in printed(NOTEBOOK)


def test_it_runs_from_images_to_an_endpoint(tmp_path):
    if not shutil.which("make"):
        pytest.skip("there is no make; apt-get install make")
    out = tmp_path / "executed.ipynb"
    command = [sys.executable, ROOT / "scripts" / "notebook.py", "--out", out]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert [cell["source"] for cell in cells(out)] == [cell["source"] for cell in cells(NOTEBOOK)]
    assert pictures(out) == 3
    said = printed(out)
    [share] = [line.split("%")[0] for line in said.splitlines() if "are so in both" in line]
    assert float(share) > 80
    assert "cells serves cells" in said
