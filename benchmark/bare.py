"""The engine alone, in a process of its own: what a server could at best be as fast as.

For each number on standard input it segments the image that many times, and prints the seconds that
each took, as a JSON list. Arguments: the model's directory, and an image in NPY.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "inference"))

from segmentation import artifacts, response  # noqa: E402
from segmentation.engine import Engine  # noqa: E402
from segmentation.settings import Settings  # noqa: E402


def main(model_dir: str, image: str) -> None:
    engine = Engine(artifacts.load(model_dir), precision=Settings.from_environment().precision)
    engine.warm_up()
    batch = np.load(image)[None, ..., None]
    threshold = engine.model.mask_threshold
    print("ready", flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            begun = time.perf_counter()
            engine.predict(
                batch, 1 / 255, finish=lambda values: response.threshold(values, threshold)
            )
            seconds.append(time.perf_counter() - begun)
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
