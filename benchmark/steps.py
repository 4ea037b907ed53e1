#!/usr/bin/env python3
"""What each step of making a network faster brings, in one process."""

import functools
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import tensorflow as tf

from segmentation import artifacts
from segmentation.networks import openvino, tensorflow
from segmentation.networks.conversion import describe, readers
from segmentation.networks.form import Form
from segmentation.networks.hardware import BFLOAT16, FLOAT32, fastest_on_cpu
from segmentation.networks.network import Source
from timing import in_turns

Step = Callable[[], object]


@click.command()
@click.argument("model_dir", type=click.Path(exists=True, path_type=Path))
@click.argument("image", type=click.Path(exists=True, path_type=Path))
@click.argument("rounds", type=int)
def main(model_dir: Path, image: Path, rounds: int) -> None:
    """Print a JSON object: of each step, how long it takes for IMAGE, an NPY file (H, W).

    The model of MODEL_DIR is one of Keras.
    """
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
    assert source.load, "Keras models have it"
    keras_model: Any = source.load()
    graph = exported(keras_model, source)
    steps: dict[str, Step] = {}
    for precision in dict.fromkeys((fastest_on_cpu(), FLOAT32)):
        network = openvino.network(source, precision, None)
        steps[f"OpenVINO, fused, {precision}"] = functools.partial(network.run, intensities)
    plain = openvino.network(replace(source, graph=graph), FLOAT32, None)
    steps["OpenVINO, as exported, float32"] = functools.partial(plain.run, intensities)
    for precision in dict.fromkeys((fastest_on_cpu(), FLOAT32)):
        traced = tensorflow.network(source, precision, None)
        steps[f"tf.function, {precision}"] = functools.partial(traced.run, intensities)
    steps["model.predict"] = functools.partial(predict, keras_model, intensities)
    return steps


def exported(keras_model: Any, source: Source) -> Any:
    """The graph of a Keras model, with nothing fused."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        reading = readers.keras_model(keras_model, Path(folder))
        assert reading.graph is not None, reading.unread
        return describe.with_our_axes(reading.graph, source.form or Form(), source.name)


def predict(keras_model: Any, intensities: np.ndarray) -> object:
    """By ``model.predict``, in float32: TensorFlow looks at its switch whenever it is called."""
    tf.config.optimizer.set_experimental_options({tensorflow.SWITCHES[BFLOAT16]: False})
    return keras_model.predict(intensities, verbose=0)


def timed(step: Step, busy: list[float]) -> float:
    """The seconds that a step takes; appends how many CPUs it kept busy."""
    begun, cpu = time.perf_counter(), time.process_time()
    step()
    seconds = time.perf_counter() - begun
    busy.append((time.process_time() - cpu) / seconds)
    return seconds


if __name__ == "__main__":
    main()
