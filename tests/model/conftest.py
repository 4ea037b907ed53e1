"""Artifacts are converted in the process of the tests, unless a test is of the process for that."""

import json
import warnings
from pathlib import Path

import pytest

from segmentation.networks import openvino, tensorflow
from segmentation.networks.conversion import child, sandbox
from segmentation.spec_entries import Ports


@pytest.fixture(autouse=True)
def _converted_here(request, monkeypatch):
    """What the child process would do is done in this one, in a tenth of the time."""

    def run(module, arguments, folder, limits):
        assert module == child.__name__
        path, target, digest, ports = arguments
        with warnings.catch_warnings(action="ignore"):
            return child.work(Path(path), Path(target), digest, Ports(**json.loads(ports)), limits)

    if not request.node.get_closest_marker("child"):
        monkeypatch.setattr(sandbox, "run", run)


@pytest.fixture(autouse=True)
def _in_float32(request, monkeypatch):
    """What is compared to the last digits is not rounded, as it is by default where the CPU has
    bfloat16; ``test_tune`` is of that.
    """
    if request.path.stem != "test_tune":
        for engine in (openvino, tensorflow):
            monkeypatch.setattr(engine, "fastest_precision", lambda: "float32")
