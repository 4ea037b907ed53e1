"""Schemathesis sends what the description allows, and what it forbids, to the real server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import tiny_models
from support.serving import serve

ST = Path(sys.executable).with_name("st")
CONFIGURATION = Path(__file__).with_name("schemathesis")


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    return tiny_models.save(tiny_models.identity(), tmp_path_factory.mktemp("model"))


def check(server, model_dir, tmp_path):
    """Run all checks, with examples that are the same each time."""
    command = [ST, f"--config-file={CONFIGURATION / 'schemathesis.toml'}"]
    command += ["run", f"{server.url}/openapi.json", "--checks=all", "--max-examples=3"]
    command += ["--generation-deterministic"]
    command += ["--request-timeout=100", "--no-color"]
    environment = os.environ | {"MODEL_DIR": str(model_dir), "PYTHONPATH": str(CONFIGURATION)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr + server.log()


def test_one_model(model_dir, tmp_path):
    with serve(model_dir) as server:
        check(server, model_dir, tmp_path)


def test_many_models(model_dir, tmp_path):
    with serve(None, SAGEMAKER_MULTI_MODEL="true") as server:
        check(server, model_dir, tmp_path)
