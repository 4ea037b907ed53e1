#!/usr/bin/env python3
"""Measure a model on sections with known labels, and choose its threshold."""

import json
from pathlib import Path

import in_venv as in_venv

import click
import numpy as np
from tqdm import tqdm

from models.lib import sections, synthetic
from models.lib.scores import agreement, best_threshold, mean_score
from models.lib.sections import Pair
from segmentation.answers import Probability
from segmentation.images import from_array
from segmentation.networks.tune import Computing
from segmentation.running.predict import predict
from segmentation.running.segmenter import Segmenter, load

SYNTHETIC_SEED = 5000  # apart from the seeds that train.py uses
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

EXAMPLE = """\b
Example:
  scripts/models/evaluate.py models/unet-membrane isbi2012/image isbi2012/label --on 20-23"""


@click.command(epilog=EXAMPLE)
@click.argument("model_dir", type=FOLDER)
@click.argument("images", type=FOLDER)
@click.argument("labels", type=FOLDER)
@click.option("--on", required=True, help="sections to measure, by position: 20-23")
@click.option("--choose-on", default="", help="sections that decide the threshold: 0-19")
@click.option("--synthetic", "count", default=4, show_default=True, help="synthetic sections")
@click.option("--also", help="a precision to compare with float32: bfloat16, int8, …")
@click.option("--out", type=click.Path(path_type=Path), help="also write the figures to this JSON")
def main(
    model_dir: Path,
    images: Path,
    labels: Path,
    on: str,
    choose_on: str,
    count: int,
    also: str | None,
    out: Path,
) -> None:
    """Measure a model on sections with known labels, and choose its threshold.

    The threshold is the one with the least sum of adapted Rand error and 1 - membrane IoU on the
    sections that --choose-on names, which should be others than the measured ones: best are some
    that a model of the same training has not seen. MODEL_DIR holds the model, IMAGES the sections,
    LABELS their labels. v_rand and v_info are the scores of the ISBI 2012 challenge, after
    thinning. "turned" is the mean over the eight flips and quarter turns of each section, which are
    as many images to the network: less of it is luck than of the sections as they are.
    """
    segmenter = load(model_dir, computing=Computing(precision="float32"))
    reduced = load(model_dir, computing=Computing(precision=also)) if also else None
    pairs = sections.read(images, labels)
    threshold = segmenter.spec.threshold
    if choose_on:
        chosen = [pairs[i] for i in sections.positions(choose_on, len(pairs))]
        threshold = best_threshold(predict_all(segmenter, chosen), chosen)
    measured = {on: [pairs[i] for i in sections.positions(on, len(pairs))]}
    if count:
        measured["synthetic"] = [synthetic.section(SYNTHETIC_SEED + i) for i in range(count)]
    result: dict[str, object] = {"threshold": threshold}
    for name, chosen in measured.items():
        result |= figures(name, chosen, segmenter, threshold)
        if reduced:
            result |= compared(f"{name}, {also}", chosen, segmenter, reduced, threshold)
    text = json.dumps(result, indent=2)
    click.echo(text)
    if out:
        out.write_text(text + "\n")


def predict_all(segmenter: Segmenter, pairs: list[Pair], augment: int = 1) -> list[np.ndarray]:
    """The probabilities of each section's image, float32 (H, W) in 0–1, as the server has them."""
    answer = Probability.wanted(None, segmenter.spec, segmenter.network.classes)
    probabilities = []
    for image, _ in tqdm(pairs, unit="section", disable=None):
        images = from_array(image).for_channels(1)
        prediction = predict(segmenter, images, answer, augment)
        probabilities.append(prediction.values[0, ..., 0])  # (1, H, W, 1) -> (H, W)
    return probabilities


def figures(
    name: str, pairs: list[Pair], segmenter: Segmenter, threshold: float
) -> dict[str, dict[str, float]]:
    """The mean scores in float32: of the sections as they are, turned, and with ``augment=8``."""
    turned = [pair for one in pairs for pair in sections.turned(one)]
    return {
        name: mean_score(predict_all(segmenter, pairs), pairs, threshold),
        f"{name}, turned": mean_score(predict_all(segmenter, turned), turned, threshold),
        f"{name}, augment=8": mean_score(predict_all(segmenter, pairs, 8), pairs, threshold),
    }


def compared(
    name: str, pairs: list[Pair], segmenter: Segmenter, reduced: Segmenter, threshold: float
) -> dict[str, dict[str, float]]:
    """The mean scores in another precision, and how far its masks are those in float32."""
    plain, rounded = predict_all(segmenter, pairs), predict_all(reduced, pairs)
    same = {"agreement_with_float32": agreement(rounded, plain, threshold)}
    return {name: mean_score(rounded, pairs, threshold) | same}


if __name__ == "__main__":
    main()
