"""What the README's first screen promises, as a user types it."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
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
    assert demo.stdout.endswith("or open http://127.0.0.1:8080 in a browser\n")
    [iou] = re.findall(r"IoU (\d\.\d+)", demo.stdout)
    assert float(iou) >= 0.90
    with Image.open(ROOT / "out" / "mask.png") as mask:
        assert (mask.mode, mask.size) == ("L", (512, 512))
        assert set(np.unique(mask)) == {0, 255}
    with Image.open(ROOT / "out" / "overlay.png") as overlay:
        assert (overlay.mode, overlay.size) == ("RGB", (512, 512))
    assert not processes_below(tmp_path)


@contextlib.contextmanager
def serving(port: int, tmp_path: Path):
    """`make serve`, and the file of what it prints; at the end all that it started has ended."""
    output = tmp_path / "output"
    with (
        output.open("wb") as file,
        subprocess.Popen(
            ["make", "--no-print-directory", "serve", f"PORT={port}"],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(tmp_path)},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as make,
    ):
        try:
            yield make, output
        finally:
            make.terminate()
            make.wait(PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_where_it_is_and_ends_with_all_that_it_started(tmp_path, number):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with serving(port, tmp_path) as (make, output):
        until(lambda: is_ready(url) and "curl" in output.read_text())
        server, page, curl = output.read_text().splitlines()
        assert (server, page) == (f"server  {url}  (Ctrl-C ends it)", f"page    {url}/")
        assert curl.startswith(f"curl    curl -X POST {url}/invocations -H 'Content-Type: ")
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


HIDE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError("no module named " + name, name=name)

sys.meta_path.insert(0, Hidden())
"""


# In a process of its own: importing pkg_resources, as other tests do, adds its vendored packages.
LISTED = """
import importlib.metadata, json
print(json.dumps(importlib.metadata.packages_distributions()))
"""


def only_for_development() -> set[str]:
    """The modules of all packages that requirements.txt does not name."""
    text = (ROOT / "requirements.txt").read_text()
    served = set(re.findall(r"^([\w.-]+)==", text, re.MULTILINE)) | {"pip"}
    listed = subprocess.run(
        [sys.executable, "-c", LISTED], capture_output=True, text=True, check=True
    ).stdout
    return {
        module
        for module, names in json.loads(listed).items()
        if not any(re.sub("[-_.]+", "-", name).lower() in served for name in names)
    }


def test_setting_up_and_the_demo_need_nothing_for_development(tmp_path):
    hidden = only_for_development()
    assert {"click", "pytest", "requests"} & hidden
    (tmp_path / "sitecustomize.py").write_text(HIDE.replace("{names}", repr(hidden)))
    last = (ROOT / "scripts" / "setup.sh").read_text().splitlines()[-1]
    assert "prepare" in last
    for command in (last, ".venv/bin/python scripts/demo.py"):
        run = subprocess.run(
            ["bash", "-c", command],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr
