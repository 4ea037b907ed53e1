#!/usr/bin/env python3
"""Measure a model on sections with known labels, and choose its threshold.

The threshold is the one with the least adapted Rand error on the sections that --choose-on names,
which should be those that the model was trained on: the measured ones must not decide it.

    scripts/evaluate.py models/unet-membrane isbi2012/image isbi2012/label --on 20-23
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "inference"))

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.metrics import adapted_rand_error
from tqdm import tqdm

from segmentation import precision

THRESHOLDS = np.round(np.arange(0.1, 0.951, 0.05), 2)
SYNTHETIC_SEED = 5000  # apart from the seeds that train.py uses

Pair = tuple[np.ndarray, np.ndarray]


def load_sections(images: Path, labels: Path) -> list[Pair]:
    """(image, label) pairs, uint8 (H, W) each, in the order of their names.

    Exits with a message where an image has no label, or one of another size.
    """
    pairs = []
    for path in sorted(
        p for p in images.iterdir() if p.suffix.lower() in (".png", ".tif", ".tiff")
    ):
        label = labels / path.name
        if not label.exists():
            sys.exit(f"{path} has no label: there is no {label}")
        pair = _read(path), _read(label)
        if pair[0].shape != pair[1].shape:
            sys.exit(f"{path} is {pair[0].shape}, its label {pair[1].shape}; they must be alike")
        pairs.append(pair)
    if not pairs:
        sys.exit(f"no .png, .tif or .tiff in {images}")
    return pairs


def _read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


def positions(text: str, count: int) -> list[int]:
    """ "20-23" or "3,7" -> positions; "" -> none."""
    chosen: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        chosen += range(int(first), int(last or first) + 1)
    if any(position >= count for position in chosen):
        sys.exit(f"there are {count} sections, counted from 0; {text} is beyond them")
    return chosen


def score(mask: np.ndarray, label: np.ndarray) -> dict[str, float]:
    """Compare a mask of cells with the truth; both (H, W), 0 on membrane.

    Returns:
        pixel_accuracy and membrane_iou, 1 is best, and adapted_rand_error, 0 is best: of the cells
        as connected components, on the true cells' pixels, as in the ISBI 2012 challenge
        (Arganda-Carreras et al. 2015, https://doi.org/10.3389/fnana.2015.00142).
    """
    cells, truth = mask > 0, label > 0
    components, known = ndimage.label(cells)[0], ndimage.label(truth)[0]
    union = (~cells | ~truth).sum()
    return {
        "pixel_accuracy": float((cells == truth).mean()),
        "membrane_iou": float((~cells & ~truth).sum() / union) if union else 1.0,
        "adapted_rand_error": float(adapted_rand_error(known, components, ignore_labels=(0,))[0]),
    }


def mean_score(probabilities: list[np.ndarray], pairs: list[Pair], threshold: float) -> dict:
    scores = [
        score(p > threshold, label) for p, (_, label) in zip(probabilities, pairs, strict=True)
    ]
    return {name: round(float(np.mean([s[name] for s in scores])), 4) for name in scores[0]}


def figures(network, pairs: list[Pair], threshold: float = 0.5) -> dict[str, float]:
    """The mean scores of a Keras model on images whose sides are multiples of 16."""
    images = [image[None, ..., None] / np.float32(255) for image, _ in pairs]
    answers = [np.asarray(network(image, training=False))[0, ..., 0] for image in images]
    return mean_score(answers, pairs, threshold)


def agreement(one: list[np.ndarray], other: list[np.ndarray], threshold: float) -> float:
    """The share of pixels that have the same mask."""
    same = [
        precision.agreement(a[..., None], b[..., None], threshold)
        for a, b in zip(one, other, strict=True)
    ]
    return round(float(np.mean(same)), 5)


def predict(engine, pairs: list[Pair], augment: int = 1) -> list[np.ndarray]:
    """The probabilities (H, W) of each section, as the server computes them."""
    return [
        engine.predict(image[None, ..., None], 1 / 255, augment=augment)[0, ..., 0]
        for image, _ in tqdm(pairs, unit="section", disable=None)
    ]


def main() -> None:
    from segmentation import artifacts
    from segmentation.engine import Engine
    from synthetic import section

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model_dir", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--on", required=True, help="sections to measure, by position: 20-23")
    parser.add_argument("--choose-on", default="", help="sections that decide the threshold: 0-19")
    parser.add_argument("--synthetic", type=int, default=4, help="(default: %(default)s)")
    parser.add_argument("--out", type=Path, help="also write the figures to this JSON file")
    options = parser.parse_args()

    engine = Engine(artifacts.load(options.model_dir))
    reduced = Engine(artifacts.load(options.model_dir), precision="bfloat16")
    reduced.warm_up()
    sections = load_sections(options.images, options.labels)
    threshold = engine.model.mask_threshold
    if options.choose_on:
        chosen = [sections[i] for i in positions(options.choose_on, len(sections))]
        answers = predict(engine, chosen)
        errors = [mean_score(answers, chosen, t)["adapted_rand_error"] for t in THRESHOLDS]
        threshold = float(THRESHOLDS[int(np.argmin(errors))])
    measured = {
        options.on: [sections[i] for i in positions(options.on, len(sections))],
        "synthetic": [section(SYNTHETIC_SEED + i) for i in range(options.synthetic)],
    }
    result: dict = {"threshold": threshold}
    for name, pairs in measured.items():
        plain = predict(engine, pairs)
        result[name] = mean_score(plain, pairs, threshold)
        augmented = predict(engine, pairs, augment=8)
        result[f"{name}, augment=8"] = mean_score(augmented, pairs, threshold)
        rounded = predict(reduced, pairs)
        result[f"{name}, bfloat16"] = mean_score(rounded, pairs, threshold) | {
            "agreement_with_float32": agreement(rounded, plain, threshold)
        }
    text = json.dumps(result, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
