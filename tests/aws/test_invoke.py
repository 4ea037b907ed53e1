"""scripts/aws/invoke.py against a real server, and through SageMaker's API in front of one."""

import contextlib

import numpy as np
import pytest

from aws import invoke
from aws.lib import jobs
from lib.server import free_port
from support import bodies, tiny_models
from support.commands import run
from support.runtime import Handler, listen, runtime
from support.serving import serve

GRAY = np.array([[0, 100, 200], [255, 128, 127]], np.uint8)
MASK = [[0, 0, 255], [255, 255, 0]]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tiny_models.save(tiny_models.identity(), tmp_path_factory.mktemp("model"))
    with serve(folder) as server:
        yield server


@pytest.fixture
def folder(tmp_path):
    """Images of some kinds, and a file that is none."""
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "a.png").write_bytes(bodies.png(GRAY))
    (folder / "b.npy").write_bytes(bodies.npy(GRAY))
    (folder / "c.tif").write_bytes(bodies.tiff(bodies.STACK))
    (folder / "notes.txt").write_text("no image")
    return folder


def read(path):
    return bodies.read(path.read_bytes(), jobs.CONTENT_TYPES[path.suffix]).tolist()


def test_a_folder(server, folder, tmp_path):
    out = tmp_path / "out"
    options = ("--url", server.url, "-o", out, "--overlay", "--probability")
    output = run(invoke, folder, *options).output
    names = {path.name for path in out.iterdir()}
    assert names == {
        "a.png", "a-overlay.png", "a-probability.png",
        "b.png", "b-overlay.png", "b-probability.png",
        "c.tif", "c-overlay.tif", "c-probability.tif",
    }  # fmt: skip
    assert read(out / "a.png") == read(out / "b.png") == MASK
    assert read(out / "c.tif") == np.where(bodies.STACK > 127, 255, 0).tolist()
    row = next(line for line in output.splitlines() if line.startswith("a.png") and "mask" in line)
    assert "50.0%" in row
    assert str(out / "a.png") in row


def test_attributes(server, folder, tmp_path):
    options = ("--url", server.url, "-o", tmp_path, "--attributes", "threshold=0.75")
    run(invoke, folder / "a.png", *options)
    assert read(tmp_path / "a.png") == [[0, 0, 255], [255, 0, 0]]


def test_a_failure_is_shown_and_the_others_are_done(server, folder, tmp_path):
    (folder / "broken.png").write_bytes(b"nonsense")
    result = run(invoke, folder, "--url", server.url, "-o", tmp_path / "out", code=1)
    assert "broken.png (mask): 400: body begins with" in result.output
    assert "1 of 4 requests failed" in result.output
    assert (tmp_path / "out" / "c.tif").exists()


def test_nobody_answers(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs.time, "sleep", lambda _: None)
    url = f"http://127.0.0.1:{free_port()}"
    output = run(invoke, folder / "a.png", "--url", url, "-o", tmp_path, code=1).output
    assert "cannot be reached" in output
    assert f"tried {jobs.TRIES} times" in output


@contextlib.contextmanager
def answering(*statuses):
    """A server that answers its requests with these statuses, one after the other; their paths."""
    left, paths = list(statuses), []

    class Statuses(Handler):
        def do_POST(self):
            self.body()
            paths.append(self.path)
            status = left.pop(0)
            body = bodies.png(GRAY) if status == 200 else b'{"message": "x"}'
            self.answer(status, "image/png", body)

    with listen(Statuses) as url:
        yield url, paths


@pytest.mark.parametrize(("status", "tries"), [(503, 3), (429, 3), (500, 1)])
def test_only_what_was_not_begun_is_sent_again(folder, tmp_path, monkeypatch, status, tries):
    monkeypatch.setattr(jobs.time, "sleep", lambda _: None)
    code = 0 if tries == 3 else 1
    with answering(status, status, 200) as (url, paths):
        result = run(invoke, folder / "a.png", "--url", url, "-o", tmp_path, code=code)
    assert paths == ["/invocations"] * tries
    assert code == 0 or f"{status}: x" in result.output


def test_an_endpoint(cloud, server, folder, tmp_path, monkeypatch):
    with runtime(server.url) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", url)
        run(invoke, folder, "--endpoint", "cells", "-o", tmp_path / "out")
        assert read(tmp_path / "out" / "a.png") == MASK
        (folder / "broken.png").write_bytes(b"nonsense")
        output = run(invoke, folder, "--endpoint", "cells", "-o", tmp_path, code=1).output
        assert "broken.png" in output
