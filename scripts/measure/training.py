#!/usr/bin/env python3
"""Train networks on numbers of all kinds, and count which the server tells from 0–1: a table."""

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import in_venv as in_venv

import click
import numpy as np
from tqdm import tqdm

from lib.pages import show
from models.lib import synthetic
from segmentation.networks.conversion.load import of_keras

SIDE, SECTIONS, BATCH, RATE, FILTERS = 96, 8, 4, 3e-3, 16
Array = np.ndarray

# what is done to intensities, 0–1, (N, H, W, 1), before training
KINDS: dict[str, Callable[[Array], Array]] = {
    "0–1": lambda x: x,
    "0–1, dark": lambda x: x / 4,
    "0–1, bright": lambda x: 0.7 + 0.3 * x,
    "−1…1": lambda x: 2 * x - 1,
    "0–255": lambda x: 255 * x,
    "each standardised": lambda x: (x - _each(x, np.mean)) / _each(x, np.std),
}

EXAMPLE = """\b
Example:
  scripts/measure/training.py --count 3 --write docs/models.md"""


def _each(images: Array, function: Any) -> Array:
    return function(images, axis=(1, 2, 3), keepdims=True)


def _convolution(x: Any, **settings: Any) -> Any:
    from keras import layers

    return layers.Conv2D(FILTERS, 3, padding="same", **settings)(x)


def _normalised_first(x: Any) -> Any:
    from keras import layers

    return layers.ReLU()(layers.BatchNormalization()(_convolution(x, use_bias=False)))


def _normalised_after(x: Any) -> Any:
    from keras import layers

    return layers.BatchNormalization()(_convolution(x, activation="relu"))


def _normalised_after_two(x: Any) -> Any:
    return _normalised_after(_convolution(x, activation="relu"))


def _not_normalised(x: Any) -> Any:
    return _convolution(x, activation="relu")


BLOCKS: dict[str, Callable[[Any], Any]] = {
    "convolution, normalisation, ReLU": _normalised_first,
    "convolution, ReLU, normalisation": _normalised_after,
    "two convolutions with ReLU, normalisation": _normalised_after_two,
    "no normalisation": _not_normalised,
}


@click.command(epilog=EXAMPLE)
@click.option("--count", default=2, show_default=True, help="networks of each kind")
@click.option("--steps", default=600, show_default=True, help="of the training of each")
@click.option("--write", type=click.Path(exists=True, path_type=Path), help="a page with a table")
def main(count: int, steps: int, write: Path | None) -> None:
    """Train small networks on synthetic sections, and count which are refused without a spec.

    A network that was trained on intensities of 0–1 must never be. Prints a table, or writes it
    into a page between its marks.
    """
    logging.basicConfig(level=logging.CRITICAL)
    cells = {kind: dict.fromkeys(BLOCKS, 0) for kind in KINDS}
    for kind, block, seed in tqdm(list(_all(count)), unit="network"):
        cells[kind][block] += _is_refused(kind, block, seed, steps)
    head = f"| trained on | {' | '.join(BLOCKS)} |\n|{'---|' * (len(BLOCKS) + 1)}"
    rows = [
        f"| {kind} | {' | '.join(f'{found} of {count}' for found in told.values())} |"
        for kind, told in cells.items()
    ]
    sentence = f"Of small networks after {steps} steps on synthetic sections, these are refused:"
    table = "\n".join([sentence, "", head, *rows])
    show(table, "scripts/measure/training.py", write)


def _all(count: int) -> Iterator[tuple[str, str, int]]:
    for seed in range(count):
        for kind in KINDS:
            for block in BLOCKS:
                yield kind, block, seed


def _is_refused(kind: str, block: str, seed: int, steps: int) -> bool:
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    image = keras.Input((None, None, 1))
    x = BLOCKS[block](BLOCKS[block](image))
    model = keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid")(x))
    model.compile(keras.optimizers.Adam(RATE), "binary_crossentropy")
    pairs = [synthetic.section(SECTIONS * seed + index, (SIDE, SIDE)) for index in range(SECTIONS)]
    pixels = np.stack([pixels for pixels, _ in pairs])[..., None].astype(np.float32)
    wanted = np.stack([label == synthetic.CELL for _, label in pairs])[..., None]
    inputs = KINDS[kind](pixels / np.float32(255))
    model.fit(inputs, wanted, BATCH, steps * BATCH // SECTIONS, verbose=0)
    return of_keras(model).ends.seen is not None


if __name__ == "__main__":
    sys.exit(main())
