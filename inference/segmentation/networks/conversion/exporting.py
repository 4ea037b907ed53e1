"""A Keras model as a SavedModel that OpenVINO can read: as it predicts, and traced in other ways
where Keras's own cannot be read.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

AUGMENTING = ("Random", "GaussianNoise", "GaussianDropout", "AlphaDropout")


def export(model: Any, folder: Path) -> None:
    """Save a model of Keras 2 or 3 as a SavedModel; its layers of augmentation do nothing then.

    Raises:
        Exception: of many kinds, where Keras cannot trace it.
    """
    import keras

    augments = _without_augmentation(model)
    with _quiet():
        if not isinstance(model, keras.Model):  # it is of Keras 2
            model.export(str(folder))
            return
        with _upsampling_of_free_size(), _plain_argmax():
            predicting = _predicting(model) if augments else model
            predicting.export(folder, format="tf_saved_model", verbose=False)


def _without_augmentation(model: Any) -> bool:
    """Let layers that change images in training alone give what they take, in place: OpenVINO
    cannot read what they are exported as, though it does nothing.

    Returns:
        Whether there is such a layer.
    """
    found = False
    for layer in getattr(model, "layers", None) or []:
        found = _without_augmentation(layer) or found
        if type(layer).__name__.startswith(AUGMENTING):
            layer.call = lambda images, *_, **__: images
            found = True
    return found


def _predicting(model: Any) -> Any:
    """A model that is told that it predicts: in Keras 3.15 layers of augmentation tell those behind
    them, batch normalisation among them, that they train, where nobody says something else.
    """
    import keras

    inputs = getattr(model, "inputs", None)
    if not inputs:
        return model
    return keras.Model(inputs, model(inputs[0] if len(inputs) == 1 else inputs, training=False))


@contextlib.contextmanager
def _upsampling_of_free_size() -> Iterator[None]:
    """Let interpolating UpSampling2D be traced for images of any size.

    Keras 3.15 computes the new size with Python's numbers, which a free size has none of
    (tests/upstream/test_keras.py).
    """
    import tensorflow as tf
    from keras import layers

    original = layers.UpSampling2D._resize_images

    def resize(self, x, height_factor, width_factor, data_format, interpolation="nearest"):
        if interpolation not in ("bilinear", "bicubic") or data_format != "channels_last":
            return original(self, x, height_factor, width_factor, data_format, interpolation)
        size = tf.shape(x)[1:3] * [height_factor, width_factor]
        return tf.cast(tf.image.resize(x, size, interpolation), x.dtype)

    layers.UpSampling2D._resize_images = resize
    try:
        yield
    finally:
        layers.UpSampling2D._resize_images = original


@contextlib.contextmanager
def _plain_argmax() -> Iterator[None]:
    """Let argmax be traced without a look at the bits of its numbers, which OpenVINO cannot read.

    Keras 3.15 tells 0 from -0 so (tests/upstream/test_keras.py).
    """
    from keras.src.backend.tensorflow import numpy as operations

    original = operations.signbit
    operations.signbit = lambda x: x < 0
    try:
        yield
    finally:
        operations.signbit = original


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Exporting prints what it does, whatever it is told."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
