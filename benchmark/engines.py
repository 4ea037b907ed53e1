"""The engine without a server, in processes of its own: bare.py and steps.py, and how they run."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

HERE = Path(__file__).resolve().parent


class Bare:
    """The engine in so many processes of its own, with so many threads each."""

    def __init__(self, processes: list[subprocess.Popen]):
        self._processes = processes

    def run(self, count: int) -> list[float]:
        """Segment the image so many times in each process; the seconds that each took."""
        for process in self._processes:
            assert process.stdin
            process.stdin.write(f"{count}\n")
            process.stdin.flush()
        return [s for process in self._processes for s in json.loads(_line(process))]

    def rate(self, count: int) -> float:
        """Images per second, of so many in all."""
        each = self.run(-(-count // len(self._processes)))
        return len(self._processes) / statistics.mean(each)


@contextlib.contextmanager
def bare(
    model_dir: Path, image: np.ndarray, processes: int, threads: int, **settings: str
) -> Iterator[Bare]:
    """Run bare.py in so many processes until the end of the block."""
    with _saved(image) as path, contextlib.ExitStack() as end:
        started = []
        own = {"TMPDIR": str(path.parent), "UNET_THREADS": str(threads)}
        for _ in range(processes):
            process = subprocess.Popen(
                [sys.executable, HERE / "bare.py", model_dir, path],
                env=os.environ | own | settings,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            end.callback(process.wait)
            end.callback(process.kill)
            started.append(process)
        for process in started:
            assert _line(process) == "ready\n"
        yield Bare(started)


def steps(model_dir: Path, image: np.ndarray, rounds: int) -> dict[str, dict[str, object]]:
    """The rows of steps.py."""
    with _saved(image) as path:
        command = [sys.executable, str(HERE / "steps.py"), str(model_dir), str(path), str(rounds)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise click.ClickException(f"steps.py failed:\n{run.stderr[-5000:]}")
    return json.loads(run.stdout)


@contextlib.contextmanager
def _saved(image: np.ndarray) -> Iterator[Path]:
    """The image in NPY, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        path = Path(folder, "image.npy")
        np.save(path, image)
        yield path


def _line(process: subprocess.Popen) -> str:
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise click.ClickException("the bare engine ended; run benchmark/bare.py to see why")
    return line
