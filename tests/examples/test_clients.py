"""The clients of examples/, each run by its own interpreter against the real server."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from lib.environments import python_of
from support import bodies
from support.runtime import runtime
from support.serving import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
CLIENTS = ROOT / "examples" / "clients"
SAMPLE = ROOT / "models" / "unet-membrane" / "sample.png"
JARS = Path("/usr/share/java")
COMMANDS = {
    "segment.py": ([sys.executable], []),
    "segment.mjs": (["node"], ["nodejs"]),
    "segment.R": (["Rscript"], ["r-cran-httr2", "r-cran-jsonlite"]),
    "Segment.java": (["java"], ["openjdk-17-jdk-headless"]),
}


def need(program: str, *packages: str) -> None:
    """Skip a test where an interpreter is missing."""
    if not shutil.which(program):
        pytest.skip(f"there is no {program}; apt-get install {' '.join(packages)}")


def run(*command: str | Path, code: int = 0, **environment: str) -> str:
    """Run a command, and return what it prints on both streams."""
    done = subprocess.run(
        command,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


@pytest.fixture(params=COMMANDS)
def client(request):
    """The command of a client that takes a URL, an image and a file for the answer."""
    program, packages = COMMANDS[request.param]
    need(program[0], *packages)
    return [*program, CLIENTS / request.param]


def test_it_writes_what_the_server_answers(client, server, sample, tmp_path):
    answer = tmp_path / "overlay of a cell.png"
    url = f"{server.url}/invocations?output=overlay&threshold=0.4"
    assert run(*client, url, SAMPLE, answer) == ""
    expected = server.invoke(sample, "/invocations?output=overlay&threshold=0.4").content
    assert answer.read_bytes() == expected


def test_it_shows_what_the_server_refuses(client, server, tmp_path):
    nonsense, answer = tmp_path / "notes.txt", tmp_path / "mask.png"
    nonsense.write_text("no image")
    said = run(*client, f"{server.url}/invocations", nonsense, answer, code=1)
    assert "which tells no format" in said
    assert "Traceback" not in said
    assert not answer.exists()


def test_it_shows_warnings(client, server, tmp_path):
    dark, answer = tmp_path / "dark.png", tmp_path / "mask.png"
    Image.fromarray(np.full((64, 64), 4095, np.uint16)).save(dark)
    assert "4095" in run(*client, f"{server.url}/invocations", dark, answer)
    assert answer.exists()


def test_an_endpoint(server, sample, tmp_path):
    answer, script = tmp_path / "labels.png", CLIENTS / "endpoint.py"
    with runtime(server.url) as url:
        account = {
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-central-1",
        }
        run(sys.executable, script, "cells", SAMPLE, answer, "output=labels", **account)
        said = run(sys.executable, script, "cells", HERE / "fiji.py", answer, code=1, **account)
    assert answer.read_bytes() == server.invoke(sample, "/invocations?output=labels").content
    assert "which tells no format" in said
    assert "Traceback" not in said


@pytest.fixture
def stack(tmp_path):
    """A file with a stack, as ImageJ writes it."""
    file = tmp_path / "stack.tif"
    tifffile.imwrite(file, bodies.STACK, imagej=True, metadata={"axes": "ZYX"})
    return file


@pytest.mark.parametrize("name", ["sample", "stack"])
def test_fiji(name, server, stack, tmp_path):
    need("jython", "jython", "imagej")
    if not (JARS / "ij.jar").exists():
        pytest.skip("there is no ImageJ; apt-get install imagej")
    image, shown = {"sample": SAMPLE, "stack": stack}[name], tmp_path / "shown.tif"
    text = (CLIENTS / "Segment_Image.py").read_text()
    assert "http://127.0.0.1:8080" in text
    script = tmp_path / "Segment_Image.py"
    script.write_text(text.replace("http://127.0.0.1:8080", server.url))
    run(
        *("java", "-Djava.awt.headless=true", "-cp", f"{JARS}/ij.jar:{JARS}/jython.jar"),
        *("org.python.util.jython", HERE / "fiji.py", script, image, shown),
    )
    answer = server.invoke(image.read_bytes(), headers={"Accept": "image/tiff"}).content
    assert (tifffile.imread(shown) == bodies.read(answer, "image/tiff")).all()


def test_the_script_for_qupath_is_groovy():
    need("groovy", "groovy")
    java = Path(shutil.which("java") or "").resolve().parents[1]
    run("groovy", HERE / "parse.groovy", CLIENTS / "qupath.groovy", JAVA_HOME=str(java))


def test_napari(server, sample, tmp_path):
    need("xvfb-run", "xvfb", "libgl1", "libegl1", "libxkbcommon-x11-0", "libxcb-cursor0")
    python = python_of(ROOT / ".venv-napari", ROOT / "tests/fixtures/napari/requirements.txt")
    out = tmp_path / "out.npz"
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    command = (python, HERE / "napari_page.py", CLIENTS, f"{server.url}/invocations", SAMPLE, out)
    run("xvfb-run", "--auto-servernum", *command, **home)
    with np.load(out) as saved:
        assert (saved["layers"], saved["kind"]) == (2, "Labels")
        expected = server.invoke(sample, "/invocations?output=labels&minimum=20").content
        assert (saved["labels"] == bodies.read(expected, "image/png")).all()


def test_a_page_of_another_server(server, site, sample):
    need("chromium", "chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as api:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        path = shutil.which("chromium")
        with api.chromium.launch(executable_path=path, args=options) as browser:
            page = browser.new_page()
            page.goto(f"{site}/browser.html?url={server.url}/invocations%3Foutput=overlay")
            page.set_input_files("#file", SAMPLE)
            page.wait_for_function("document.getElementById('message').textContent == 'done'")
            shown = page.evaluate(
                "async () => [...new Uint8Array(await (await fetch(answer.src)).arrayBuffer())]"
            )
            page.set_input_files("#file", Path(__file__))
            page.wait_for_selector("text=which tells no format")
    assert bytes(shown) == server.invoke(sample, "/invocations?output=overlay").content
