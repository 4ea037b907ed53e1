"""Processes that share CPUs know of each other."""

import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

from segmentation.networks.network import Description, Ends, Geometry
from segmentation.networks.sharing import Sharing, Turns

COMPUTE = """
import sys
from pathlib import Path
from segmentation.networks.sharing import Turns
with Turns(Path(sys.argv[1])).computing() as another:
    print(another, flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(path):
    """It computes within the block; gives what it prints."""
    command = [sys.executable, "-c", COMPUTE, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "computing.lock"


def test_a_process_is_alone(path):
    turns = Turns(path)
    for _ in range(2):
        with turns.computing() as another:
            assert not another


def test_both_see_each_other(path):
    turns = Turns(path)
    with turns.computing() as another, another_process(path) as (_, seen):
        assert (another, seen) == (False, b"True")
    with another_process(path) as (_, seen):
        assert seen == b"False"
        with turns.computing() as another:
            assert another


def test_a_request_that_is_being_read_counts(path):
    turns = Turns(path)
    with turns.busy():
        with turns.computing() as another, another_process(path) as (_, seen):
            assert (another, seen) == (False, b"True")
        with another_process(path) as (_, seen):  # as its answer is being written
            assert seen == b"True"
    with another_process(path) as (_, seen):
        assert seen == b"False"


def test_a_process_that_was_killed_is_forgotten(path):
    turns = Turns(path)
    with another_process(path) as (process, _):
        process.kill()
        process.wait()
        with turns.computing() as another:
            assert not another


def test_a_run_that_fails_is_over(path):
    turns = Turns(path)
    with pytest.raises(MemoryError), turns.computing():
        raise MemoryError
    with another_process(path) as (_, seen):
        assert seen == b"False"


class Named:
    """Stands for a network; what it gives tells which it is."""

    def __init__(self, value):
        self.value, self.rested = value, False

    def run(self, images):
        return np.full_like(images, self.value)

    def rest(self):
        self.rested = True


def test_all_cpus_alone_and_a_share_of_them_beside_another(path):
    alone, beside = Named(1), Named(2)
    known = Description("x", 1, None, None, 1, None, Geometry(1), Ends())
    network = Sharing(**vars(known), alone=alone, beside=beside, turns=Turns(path))
    images = np.zeros((1, 2, 2, 1), np.float32)
    assert network.run(images).max() == 1
    with another_process(path):
        assert network.run(images).max() == 2
    network.rest()
    assert alone.rested
    assert beside.rested
