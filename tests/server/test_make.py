"""What the README's first screen promises, as a user types it."""

import os
import re
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.server import free_port, is_ready, processes_below
from support.serving import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("check", "clean", "demo", "help", "lint", "serve", "test")


def test_demo(tmp_path):
    command = ["make", "--no-print-directory", "demo"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    demo = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    for name in ("set-up", "start", "first request", "second request"):
        [seconds] = re.findall(rf"{name} +(\d+\.\d\d) s", demo.stdout)
        assert float(seconds) > 0
    assert "curl -X POST http://127.0.0.1:8080/invocations" in demo.stdout
    [iou] = re.findall(r"IoU (\d\.\d+)", demo.stdout)
    assert float(iou) >= 0.90
    with Image.open(ROOT / "out" / "mask.png") as mask:
        assert (mask.mode, mask.size) == ("L", (512, 512))
        assert set(np.unique(mask)) == {0, 255}
    with Image.open(ROOT / "out" / "overlay.png") as overlay:
        assert (overlay.mode, overlay.size) == ("RGB", (512, 512))
    assert not processes_below(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_ends_with_all_that_it_started(tmp_path, number):
    port = free_port()
    command = ["make", "--no-print-directory", "serve", f"PORT={port}"]
    make = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until(lambda: is_ready(f"http://127.0.0.1:{port}"))
    # Ctrl-C in a terminal goes to the whole group; `kill` to make alone
    os.killpg(make.pid, number) if number == signal.SIGINT else make.send_signal(number)
    make.wait(PATIENCE)
    until(lambda: not processes_below(tmp_path))


def test_help_names_every_target():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    for target in TARGETS:
        assert re.search(rf"^{target}\s", listed, re.MULTILINE)


def test_an_unsupported_python_is_refused_in_one_line(tmp_path):
    python = tmp_path / "python3.10"
    python.write_text("#!/bin/sh\n[ $1 = --version ] && echo Python 3.10.1\nexit 1\n")
    python.chmod(0o755)
    project = tmp_path / "project"
    (project / "scripts").mkdir(parents=True)
    (project / "scripts" / "setup.sh").write_text((ROOT / "scripts" / "setup.sh").read_text())
    setup = subprocess.run(
        ["bash", project / "scripts" / "setup.sh"],
        env=os.environ | {"PYTHON": str(python)},
        capture_output=True,
        text=True,
    )
    assert setup.returncode == 1
    assert len(setup.stderr.splitlines()) == 1
    assert "Python 3.11, 3.12 or 3.13 is needed, found Python 3.10.1" in setup.stderr
