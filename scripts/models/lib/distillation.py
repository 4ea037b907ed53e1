"""What a network learns from others: their probabilities, or their weights.

Distillation as in Hinton, Vinyals and Dean (2015), https://arxiv.org/abs/1503.02531: the mean of
several networks, or of one over the flips and turns of an image, is better than each, and a network
can be trained to give that mean itself. The mean of the weights of networks that were trained from
the same ones is often better than each, too: Wortsman et al. (2022),
https://arxiv.org/abs/2203.05482.
"""

from collections.abc import Sequence
from pathlib import Path

import click
import keras
import numpy as np

from segmentation import artifacts
from segmentation.answers import Probability
from segmentation.errors import SegmentationError
from segmentation.images import from_array
from segmentation.networks.tune import Computing
from segmentation.running.predict import predict
from segmentation.running.segmenter import Segmenter, load

TURNS = 8  # all flips and quarter turns


class Teachers:
    """The mean of several models, each averaged over the flips and quarter turns.

    Args:
        folders: of models, as the server takes them.

    Raises:
        click.ClickException: a folder holds no model, or one of several classes.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._segmenters = [_load(folder) for folder in folders]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, S, S, 1) intensities -> float32 (N, S, S, 1) probabilities, 0–1."""
        total = np.zeros(images.shape, np.float32)
        for segmenter in self._segmenters:
            spec, network = segmenter.spec, segmenter.network
            answer = Probability.wanted(None, spec, network.classes)
            given = from_array(images).for_channels(network.channels)
            total += np.asarray(predict(segmenter, given, answer, TURNS).values)
        return total / len(self._segmenters)


def _load(folder: Path) -> Segmenter:
    try:
        segmenter = load(folder, computing=Computing(precision="float32"))
    except SegmentationError as error:
        raise click.ClickException(f"no teacher in {folder}: {error}") from error
    if segmenter.network.classes != 1:
        raise click.ClickException(
            f"{folder} has {segmenter.network.classes} classes; a teacher has one, the foreground"
        )
    return segmenter


def mean_weights(folders: Sequence[Path], model: keras.Model) -> list[np.ndarray]:
    """The weights of the models in these folders, or the mean of several.

    Args:
        model: that they must fit.

    Raises:
        click.ClickException: a folder holds no Keras model, or one of other layers.
    """
    wanted = [weight.shape for weight in model.get_weights()]
    found = [_weights(folder, wanted) for folder in folders]
    return [np.mean(same, axis=0) for same in zip(*found, strict=True)]


def _weights(folder: Path, wanted: list[tuple[int, ...]]) -> list[np.ndarray]:
    try:
        path = artifacts.find(folder)
        if path.suffix != ".keras":
            raise click.ClickException(f"{path} is no .keras file, and nothing can start from it")
        weights = keras.saving.load_model(path, compile=False).get_weights()
    except (SegmentationError, OSError, ValueError) as error:
        raise click.ClickException(f"no model to start from in {folder}: {error}") from error
    if [weight.shape for weight in weights] != wanted:
        raise click.ClickException(
            f"{path} has other layers than the network to train; --filters must be the same"
        )
    return weights
