"""A graph in int8 beside the one in float32: calibrated on images, and kept if it is as good."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from lib.environments import python_of
from models.lib import scores, sections
from segmentation.answers import Probability
from segmentation.images import Images
from segmentation.networks import probe
from segmentation.networks.conversion import store
from segmentation.networks.tune import Computing
from segmentation.running.predict import predict
from segmentation.running.segmenter import Segmenter, load
from segmentation.wire.decoding import decode
from segmentation.wire.media_types import ANY_IMAGE

HERE = Path(__file__).resolve().parents[1] / "int8"
VENV = HERE.parents[2] / ".venv-int8"
SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
SIDE = 512  # of the part of an image that is calibrated on, at most, in pixels
AGREEMENT = 0.995  # of the pixels of masks, at least
ERROR = 0.005  # that the adapted Rand error may rise by
ROUNDS = 10  # of the comparison of times


def add(model_dir: Path, graph: Path, images: Path, labels: Path | None) -> dict[str, float]:
    """Put a graph in int8 beside the one in float32.

    Args:
        model_dir: the model.
        graph: the folder of its graph.
        images: a folder of images, to calibrate on and to compare masks on.
        labels: a folder of labels of the same names, of cells; None: there are none.

    Returns:
        How they compare: agreement of masks, adapted Rand errors, times.

    Raises:
        click.ClickException: the masks differ too much; the graph in int8 is not kept then.
    """
    paths = sorted(path for path in images.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise click.ClickException(f"no image ({', '.join(SUFFIXES)}) in {images}")
    exact = load(model_dir, computing=Computing("openvino", "float32"))
    pictures = [_read(path, exact) for path in paths]
    _calibrate(graph, exact, pictures)
    try:
        return _compared(model_dir, exact, paths, pictures, labels)
    except BaseException:
        store.remove_int8(graph)
        raise


def _read(path: Path, segmenter: Segmenter) -> Images:
    images = decode(path.read_bytes(), ANY_IMAGE, sys.maxsize)
    return images.for_channels(segmenter.network.channels)


def _calibrate(graph: Path, segmenter: Segmenter, pictures: list[Images]) -> None:
    samples = [_sample(segmenter, picture) for picture in pictures]
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder, "images.npz"), *samples)
        python = python_of(VENV, HERE / "requirements.txt")
        command = [python, HERE / "quantize.py", graph / store.XML, Path(folder, "images.npz")]
        click.echo("calibrating to int8", err=True)
        subprocess.run(
            [*map(str, command), str(graph / store.INT8)], check=True, stdout=subprocess.DEVNULL
        )
    store.write_calibration(graph, str(segmenter.preprocessing))


def _sample(segmenter: Segmenter, picture: Images) -> np.ndarray:
    """A tile of an image, float32 (1, h, w, C) intensities."""
    pixels = picture.batch[:, :SIDE, :SIDE]  # (N, h, w, C)
    tile = segmenter.plan.tiles(*pixels.shape[:3])[0]
    sample = picture.intensities(tile.cut_from(pixels)[None])
    return segmenter.preprocessing.of_intensities(sample)


def _compared(
    model_dir: Path,
    exact: Segmenter,
    paths: list[Path],
    pictures: list[Images],
    labels: Path | None,
) -> dict[str, float]:
    rounded = load(model_dir, computing=Computing("openvino", "int8"))
    ones, others = _probabilities(exact, pictures), _probabilities(rounded, pictures)
    threshold = exact.spec.threshold
    same = [probe.agreement(a, b, threshold) for a, b in zip(ones, others, strict=True)]
    report = {"masks agree": round(float(np.mean(same)), 5)}
    if report["masks agree"] < AGREEMENT:
        raise click.ClickException(
            f"in int8, masks agree with those in float32 on {report['masks agree']:.2%} of pixels, "
            f"which must be {AGREEMENT:.1%}: the graph in int8 is not kept"
        )
    if labels:
        pairs = sections.read(paths[0].parent, labels)
        for name, values in (("float32", ones), ("int8", others)):
            planes = [value[0, ..., 0] for value in values]  # (1, H, W, 1) -> (H, W)
            score = scores.mean_score(planes, pairs, threshold)
            report[f"adapted Rand error, {name}"] = score["adapted_rand_error"]
        rise = report["adapted Rand error, int8"] - report["adapted Rand error, float32"]
        if rise > ERROR:
            raise click.ClickException(
                f"in int8, the adapted Rand error rises by {rise:.4f}, which may be {ERROR}: the "
                "graph in int8 is not kept"
            )
    return report | _times(exact, rounded, pictures[0])


def _probabilities(segmenter: Segmenter, pictures: list[Images]) -> list[np.ndarray]:
    """float32 (N, H, W, K) of each."""
    answer = Probability.wanted(None, segmenter.spec, segmenter.network.classes)
    return [
        predict(segmenter, picture, answer).values.reshape(
            (*picture.batch.shape[:3], segmenter.network.classes)
        )
        for picture in tqdm(pictures, unit="image", disable=None)
    ]


def _times(exact: Segmenter, rounded: Segmenter, picture: Images) -> dict[str, float]:
    """Medians of one image in turns, in ms, and their ratio."""
    taken: dict[str, list[float]] = {"float32, ms": [], "int8, ms": []}
    answer = Probability.wanted(None, exact.spec, exact.network.classes)
    for _ in range(ROUNDS):
        for name, segmenter in zip(taken, (exact, rounded), strict=True):
            begun = time.perf_counter()
            predict(segmenter, picture, answer)
            taken[name].append(1000 * (time.perf_counter() - begun))
    medians = {name: round(statistics.median(values), 1) for name, values in taken.items()}
    return medians | {"times as fast": round(medians["float32, ms"] / medians["int8, ms"], 2)}
