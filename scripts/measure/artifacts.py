#!/usr/bin/env python3
"""Compare what is served of other makers' models with what these makers answer: a table."""

import contextlib
import logging
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import in_venv as in_venv

import click
import numpy as np
from tqdm import tqdm

from lib.pages import show
from models.lib.inspection import Inspection, inspect
from segmentation import artifacts
from segmentation.errors import SegmentationError
from segmentation.networks.activations import FUNCTIONS
from segmentation.networks.form import Form
from segmentation.networks.tune import Computing

EXPECTED = "expected.npz"
EXACT = 2e-3  # in float32
LENGTH = 120  # of a reason, in characters
HEAD = "| artifact | kind | answers as its maker | said or assumed |\n|---|---|---|---|"
# what the log says at length
SHORT = {
    "since nothing says": "",
    "0–255": "takes 0–255",
    "0–65535": "takes 0–65535",
    "without an activation": "gives logits",
    "is taken, the last one": "the last output",
    "is taken, which looks": "the output that looks like probabilities",
    "of the size, which are enlarged": "smaller, enlarged",
    "lack a border": "mirrored border",
    "to overlap": "classes overlap",
}

EXAMPLE = """\b
Example:
  scripts/measure/artifacts.py artifacts/ --write docs/models.md"""


@click.command(epilog=EXAMPLE)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--write", type=click.Path(exists=True, path_type=Path), help="a page with a table")
def main(folder: Path, write: Path | None) -> None:
    """Compare what is served of other makers' models with what these makers answer.

    FOLDER holds model directories with an expected.npz each: x, float32 (N, H, W, C) in 0–1, and p
    (or p0, p1, …, of several outputs), what the maker's own framework gives. Exact is what differs
    by 2e-3 at most. Prints a table, or writes it into a page between its marks.
    """
    show(table_of(folder), "scripts/measure/artifacts.py", write)


def table_of(folder: Path) -> str:
    """What is served of the model directories of a folder, as ``main`` says, as Markdown."""
    logging.basicConfig(level=logging.CRITICAL)
    directories = sorted(path.parent for path in folder.glob(f"*/{EXPECTED}"))
    rows = [row_of(directory) for directory in tqdm(directories, unit="artifact")]
    exact = sum("exact" in row for row in rows)
    refused = sum("refused" in row for row in rows)
    count = f"Of {len(rows)} artifacts, {exact} answer exactly as their makers do, and {refused} "
    return "\n".join([count + "are refused.\n", HEAD, *rows])


def row_of(directory: Path) -> str:
    """One line of the table."""
    kind = _kind(directory)
    try:
        found = inspect(directory, computing=Computing(precision="float32"))
        with np.load(directory / EXPECTED, allow_pickle=False) as expected:
            most = _difference(found, expected)
    except SegmentationError as exc:
        reason = textwrap.shorten(str(exc).split(";")[0], LENGTH, placeholder=" …")
        return f"| {directory.name} | {kind} | refused | {reason} |"
    verdict = "not compared"
    if most is not None:
        verdict = f"exact, {most:.0e}" if most <= EXACT else f"**differs by {most:.1g}**"
    return f"| {directory.name} | {kind} | {verdict} | {_assumed(found)} |"


def _kind(directory: Path) -> str:
    """That of the model's files."""
    with contextlib.suppress(SegmentationError):
        path = artifacts.find(directory)
        return "SavedModel" if path.is_dir() else path.suffix
    return ""


def _assumed(found: Inspection) -> str:
    sentences = (*found.source.assumed, *found.meaning.assumed)
    names = [
        name for sentence in sentences for sign, name in SHORT.items() if sign in sentence and name
    ]
    if found.source.unconverted:
        names.append("run by TensorFlow")
    return ", ".join(names)


def _difference(found: Inspection, expected: Any) -> float | None:
    """How much the answer differs from the maker's own, of the same output; None: that is kept in a
    way that is not read.
    """
    images = expected["x"]
    functions = found.segmenter.preprocessing
    given = np.concatenate([functions.of_intensities(image[None]) for image in images])
    values = found.segmenter.network.run(given)
    form = found.source.form
    assert form, "artifacts have one"
    try:
        answer = expected["p" if "p" in expected.files else f"p{form.output}"]
    except ValueError:  # it is pickled, which could run anything
        return None
    other = _in_our_form(answer, form, images.shape, found)
    lost = (images.shape[1] - other.shape[1]) // 2  # of what has no border
    served = values[:, lost : images.shape[1] - lost, lost : images.shape[2] - lost]
    return float(np.abs(served - other).max()) if other.shape == served.shape else np.inf


def _in_our_form(
    values: np.ndarray, form: Form, shape: tuple[int, ...], found: Inspection
) -> np.ndarray:
    """What a maker gives for images of a shape, as probabilities of each pixel."""
    whole = replace(form, cropped=0)
    values = whole.given_in_ours(values.astype(np.float32), *shape[1:3])
    chosen = found.meaning.activation
    return FUNCTIONS[chosen](values) if chosen else values


if __name__ == "__main__":
    sys.exit(main())
