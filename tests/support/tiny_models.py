"""Models whose output can be computed by hand."""

import functools
import tempfile
from pathlib import Path

import keras
import numpy as np

from segmentation.networks.conversion import convert, readers, store


def _pointwise(channels: int, kernel: np.ndarray, activation: str, size=(None, None), batch=None):
    # with names of our own: Keras counts, and no model would equal another one
    image = keras.Input((*size, channels), batch, name="image")
    layer = keras.layers.Conv2D(
        kernel.shape[1], 1, use_bias=False, activation=activation, name="pointwise"
    )
    model = keras.Model(image, layer(image), name="tiny")
    layer.set_weights([kernel[None, None].astype(np.float32)])
    return model


def identity(size=(None, None), batch=None):
    """The probability of a pixel is its intensity."""
    return _pointwise(1, np.ones((1, 1)), "relu", size, batch)


def mean_of_rgb(size=(None, None)):
    """The probability of a pixel is the mean of its three channels."""
    return _pointwise(3, np.full((3, 1), 1 / 3), "relu", size)


def five_classes():
    """Black pixels are of class 0 (all are equally likely), all others of class 4."""
    return _pointwise(1, np.arange(5.0)[None], "softmax")


def two_overlapping():
    """Two classes, each with a probability of its own: 0.5 of black pixels, and more, or less."""
    return _pointwise(1, np.array([[4.0, -4.0]]), "sigmoid")


def left_neighbour(size=(None, None), classes=1):
    """The probability of a pixel is the intensity of the one to its left, or follows from it."""
    image = keras.Input((*size, 1), name="image")
    activation = "relu" if classes == 1 else "softmax"
    layer = keras.layers.Conv2D(
        classes, 3, padding="same", use_bias=False, activation=activation, name="beside"
    )
    model = keras.Model(image, layer(image), name="tiny")
    kernel = np.zeros((3, 3, 1, classes), np.float32)
    kernel[1, 0] = 1 if classes == 1 else np.arange(classes)
    layer.set_weights([kernel])
    return model


def save(model: keras.Model, directory: Path, prepared: bool = True) -> Path:
    """Save a model as ``model.keras`` in a directory.

    Args:
        prepared: with its graph beside it, as ``scripts/models/prepare.py`` would put it there, but
            converted in this process and once for equal models: a process takes seconds.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "model.keras"
    model.save(path)
    if prepared:
        store.beside(path).mkdir()
        store.write(store.beside(path), _converted(_Key(model)), store.digest(path))
    return directory


class _Key:
    """A model, equal to those of the same layers and weights."""

    def __init__(self, model: keras.Model):
        self.model = model
        weights = b"".join(weight.tobytes() for weight in model.get_weights())
        self._key = (model.to_json(), weights)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._key == other._key


@functools.cache
def _converted(key: _Key) -> convert.Conversion:
    with tempfile.TemporaryDirectory() as folder:
        return convert.convert(readers.keras_model(key.model, Path(folder)), "model.keras")
