#!/usr/bin/env python3
"""What each step of making a network faster brings, in one process."""

import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from segmentation import artifacts
from segmentation.networks import tensorflow
from segmentation.networks.hardware import FLOAT32, fastest_precision
from segmentation.networks.network import Source
from segmentation.networks.tune import tune
from timing import in_turns

Step = Callable[[], object]


@click.command()
@click.argument("model_dir", type=click.Path(exists=True, path_type=Path))
@click.argument("image", type=click.Path(exists=True, path_type=Path))
@click.argument("rounds", type=int)
def main(model_dir: Path, image: Path, rounds: int) -> None:
    """Print a JSON object: of each step, how long it takes for IMAGE, an NPY file (H, W)."""
    intensities = np.load(image)[None, ..., None].astype(np.float32) / 255  # (1, H, W, 1)
    steps = steps_of(artifacts.load(model_dir), intensities)
    busy: dict[str, list[float]] = {name: [] for name in steps}
    actions = {name: functools.partial(timed, step, busy[name]) for name, step in steps.items()}
    rows = in_turns(actions, rounds, base="the first")
    for name, row in rows.items():
        low, high = np.percentile(busy[name][-rounds:], [25, 75])
        row["CPUs busy, quartiles"] = f"{low:.1f}–{high:.1f}"
    click.echo(json.dumps(rows))


def steps_of(source: Source, intensities: np.ndarray) -> dict[str, Step]:
    """The last step first, because the others are compared with it."""
    steps: dict[str, Step] = {}
    for precision in dict.fromkeys((fastest_precision(), FLOAT32)):
        network = tune(source, precision)
        steps[f"traced, merged, {precision}"] = functools.partial(network.run, intensities)
    steps["traced, float32"] = functools.partial(tensorflow.plain(source).run, intensities)
    keras_model: Any = source.function
    steps["model.predict"] = functools.partial(keras_model.predict, intensities, verbose=0)
    return steps


def timed(step: Step, busy: list[float]) -> float:
    """The seconds that a step takes; appends how many CPUs it kept busy."""
    begun, cpu = time.perf_counter(), time.process_time()
    step()
    seconds = time.perf_counter() - begun
    busy.append((time.process_time() - cpu) / seconds)
    return seconds


if __name__ == "__main__":
    main()
