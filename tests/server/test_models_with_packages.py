"""Models of one server, each with packages of its own."""

import importlib.metadata

import pytest
import requests

from segmentation.wire.media_types import PNG
from support import bodies, tiny_models
from support.serving import PATIENCE, serve, until
from support.wheels import write_wheel

SOURCE = """
import greeting

def output_fn(prediction, accept):
    return greeting.WORD, "text/plain"
"""


def with_package(folder, word):
    tiny_models.save(tiny_models.identity(), folder)
    (folder / "code").mkdir()
    wheel = write_wheel(folder / "code", "greeting", f"WORD = {word!r}")
    (folder / "code" / "requirements.txt").write_text(f"./{wheel.name}\n")
    (folder / "code" / "inference.py").write_text(SOURCE)
    return folder


def test_each_model_has_its_own_packages(tmp_path):
    settings = {"SAGEMAKER_MULTI_MODEL": "true", "SAGEMAKER_BASE_DIR": str(tmp_path)}
    with serve(None, **settings, PIP_NO_INDEX="1") as server:
        for word in ("hello", "goodbye"):
            loaded = server.load(word, with_package(tmp_path / word, word))
            assert loaded.status_code == 200, loaded.text
        for word in ("hello", "goodbye"):
            path = f"/models/{word}/invoke"
            answer = server.invoke(bodies.png(bodies.GRAY), path, headers={"Content-Type": PNG})
            assert answer.text == word
        assert len(folders(server)) == 2
        assert requests.delete(f"{server.url}/models/hello", timeout=PATIENCE).status_code == 200
        until(lambda: len(folders(server)) == 1)


def test_packages_that_cannot_be_installed_are_a_reason(tmp_path):
    settings = {"SAGEMAKER_MULTI_MODEL": "true", "SAGEMAKER_BASE_DIR": str(tmp_path)}
    model_dir = with_package(tmp_path / "model", "hello")
    (model_dir / "code" / "requirements.txt").write_text("no-such-package-anywhere\n")
    with serve(None, **settings, PIP_NO_INDEX="1") as server:
        refused = server.load("model", model_dir)
        assert refused.status_code == 500
        message = refused.json()["message"]
        assert message.startswith("code/requirements.txt cannot be installed: ERROR: No matching")
        assert server.ping() == 200


def folders(server):
    return list(server.tmp.glob("unet-*/requirements-*/"))


@pytest.mark.parametrize("many", [False, True])
def test_code_beside_a_model_is_not_run(many, tmp_path):
    """Python would import some of it by itself, and some in place of its own modules."""
    folder, traces = tmp_path / "model", tmp_path / "traces"
    tiny_models.save(tiny_models.identity(), folder)
    traces.mkdir()
    for name in ("sitecustomize", "yaml", "json", "handler_service", "inference"):
        trace = f"from pathlib import Path; Path({str(traces)!r}, {name!r}).touch()"
        (folder / f"{name}.py").write_text(trace)
    settings = {"SAGEMAKER_MULTI_MODEL": "true"} if many else {}
    with serve(None if many else folder, **settings) as server:
        path = "/models/a/invoke" if many else "/invocations"
        if many:
            assert server.load("a", folder).status_code == 200
        answer = server.invoke(bodies.png(bodies.GRAY), path, headers={"Content-Type": PNG})
        assert answer.headers["content-type"] == PNG
    assert not list(traces.iterdir())


def test_packages_of_a_model_leave_those_of_the_server(start, model_dir):
    (model_dir / "code").mkdir()
    (model_dir / "code" / "requirements.txt").write_text("numpy<2\n")
    before = importlib.metadata.version("numpy")
    with start(model_dir, ready=False, PIP_NO_INDEX="1") as server:
        assert server.wait() == 1
        assert f"(constraint) numpy=={before}" in server.log()
    assert importlib.metadata.version("numpy") == before
