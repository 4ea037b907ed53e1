"""What each step of the engine brings, in one process: a JSON object of rows.

Arguments: the model's directory, an image in NPY, and how often to run each.
"""

import functools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "inference")]

from measure import in_turns  # noqa: E402
from segmentation import artifacts, precision  # noqa: E402
from segmentation.engine import Engine  # noqa: E402


def main(model_dir: str, image: str, rounds: int) -> None:
    model = artifacts.load(model_dir)
    network: Any = model.network
    pixels = np.load(image)[None, ..., None].astype(np.float32) / 255
    steps: dict[str, Callable[[], object]] = {}
    for dtype in dict.fromkeys((precision.fastest(), precision.FLOAT32)):
        engine = Engine(model, precision=dtype)
        engine.warm_up()
        steps[f"traced, merged, {dtype}"] = functools.partial(engine.predict, pixels)
    # not warmed up, it keeps the network as it is
    steps["traced, float32"] = functools.partial(Engine(model).predict, pixels)
    steps["model.predict"] = functools.partial(network.predict, pixels, verbose=0)
    busy: dict[str, list[float]] = {name: [] for name in steps}
    actions = {name: functools.partial(_timed, step, busy[name]) for name, step in steps.items()}
    rows = in_turns(actions, rounds, base="the first")
    for name, row in rows.items():
        row["CPUs busy, quartiles"] = "–".join(
            f"{np.percentile(busy[name][-rounds:], p):.1f}" for p in (25, 75)
        )
    print(json.dumps(rows))


def _timed(step: Callable[[], object], busy: list[float]) -> float:
    begun, cpu = time.perf_counter(), time.process_time()
    step()
    seconds = time.perf_counter() - begun
    busy.append((time.process_time() - cpu) / seconds)
    return seconds


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
