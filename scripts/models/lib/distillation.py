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

from segmentation.errors import SegmentationError
from segmentation.networks import unet
from segmentation.spec import ModelSpec

TURNS = 8  # all flips and quarter turns


class Teachers:
    """The mean of several models, each averaged over flips and quarter turns.

    They compute in the precision of the training (keras.mixed_precision).

    Args:
        folders: of models that train.py has made, of any width.
        turns: the first so many of the eight flips and quarter turns.

    Raises:
        click.ClickException: a folder holds no such model.
    """

    def __init__(self, folders: Sequence[Path], turns: int = TURNS) -> None:
        self._mean = _averaged([_teacher(folder) for folder in folders], turns)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, S, S, 1) intensities -> float32 (N, S, S, 1) probabilities, 0–1."""
        return self._mean.predict_on_batch(images)


def _averaged(models: list[keras.Model], turns: int) -> keras.Model:
    """One model that gives the mean of these over flips and quarter turns."""
    image = keras.Input((None, None, 1))
    answers = []
    for number, model in enumerate(models):
        model.name = f"teacher{number}"  # several networks may have been given one name
        for turn in range(turns):
            quarters, axes = turn // 2, (2,) if turn % 2 else ()
            turned = keras.ops.flip(keras.ops.rot90(image, quarters, axes=(1, 2)), axes)
            answer = keras.ops.flip(model(turned), axes)
            answers.append(keras.ops.rot90(answer, -quarters, axes=(1, 2)))
    return keras.Model(image, keras.ops.cast(sum(answers) / len(answers), "float32"))


def _teacher(folder: Path) -> keras.Model:
    found = _load(folder, "no teacher")
    first = next((layer for layer in found.layers if isinstance(layer, keras.layers.Conv2D)), None)
    teacher = unet.build(first.filters) if first else None
    if not teacher or _layers(teacher) != _layers(found):
        raise click.ClickException(
            f"the model in {folder} is no U-Net from one channel to one class, as train.py makes "
            "them; others may want other intensities, or give logits, and cannot teach"
        )
    try:
        steps = ModelSpec.read(folder).preprocessing
    except SegmentationError as error:
        raise click.ClickException(f"no teacher in {folder}: {error}") from error
    if steps and steps.steps:
        raise click.ClickException(
            f"the model in {folder} has a preprocessing; a teacher takes intensities in 0–1"
        )
    teacher.set_weights(found.get_weights())
    return teacher


def _layers(model: keras.Model) -> list[tuple]:
    """The name of each layer, and the shapes of its weights."""
    return [(layer.name, [w.shape for w in layer.weights]) for layer in model.layers]


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
    weights = _load(folder, "no model to start from").get_weights()
    if [weight.shape for weight in weights] != wanted:
        raise click.ClickException(
            f"the model in {folder} has other layers than the network to train; --filters must be "
            "the same"
        )
    return weights


def _load(folder: Path, without: str) -> keras.Model:
    paths = list(folder.glob("*.keras"))
    if len(paths) != 1:
        raise click.ClickException(f"{without} in {folder}: it holds {len(paths)} .keras files")
    try:
        return keras.saving.load_model(paths[0], compile=False)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{without} in {folder}: {error}") from error
