"""The engine that runs Keras models and SavedModels by TensorFlow, on CPUs and GPUs."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from . import geometry, merging
from .hardware import fastest_precision as fastest_precision  # of ``tune.Engine``
from .network import Geometry, Source


@dataclass(frozen=True)
class TensorFlowNetwork:
    """A network; see ``network.Network``.

    Attributes:
        function: from and to tensors, of ``batch`` images.
    """

    name: str
    channels: int
    height: int | None
    width: int | None
    classes: int
    batch: int | None
    geometry: Geometry
    function: Callable[[Any], Any]

    def run(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, h, w, C) intensities -> float32 (N, h, w, K) probabilities, 0–1."""
        try:
            if self.batch is None:
                return self._run(images)
            parts = range(0, len(images), self.batch)
            return np.concatenate([self._run_part(images[i : i + self.batch]) for i in parts])
        except tf.errors.ResourceExhaustedError as exc:
            raise MemoryError(str(exc)) from exc

    def _run(self, images: np.ndarray) -> np.ndarray:
        return self.function(tf.convert_to_tensor(images)).numpy()

    def _run_part(self, images: np.ndarray) -> np.ndarray:
        """As ``_run``, of at most a batch; black images fill it up."""
        assert self.batch
        missing = [(0, self.batch - len(images)), (0, 0), (0, 0), (0, 0)]
        return self._run(np.pad(images, missing))[: len(images)]


def takes(source: Source) -> bool:
    return callable(source.function)


def reference(source: Source) -> TensorFlowNetwork:
    """Not traced: that would take longer than the few runs for which it is made."""
    return _network(source, _eager(source.function))


def plain(source: Source) -> TensorFlowNetwork:
    return _network(source, _traced(source, source.function))


def faster(source: Source, precision: str) -> TensorFlowNetwork:
    """With merged layers, and in that precision between its two ends.

    Raises:
        ValueError: it has no layers, or some that Keras cannot copy.
    """
    if not hasattr(source.function, "layers"):
        raise ValueError("its layers cannot be copied: it has none")
    return _network(source, _traced(source, merging.merged(source.function, precision)))


def _network(source: Source, function: Callable) -> TensorFlowNetwork:
    _share_gpu()
    return TensorFlowNetwork(
        source.name,
        source.channels,
        source.height,
        source.width,
        source.classes,
        source.batch,
        _geometry(source),
        function,
    )


def _geometry(source: Source) -> Geometry:
    of_layers = geometry.of_layers(source.function)
    return of_layers or Geometry(geometry.tried_stride(source, _eager(source.function)))


def _eager(function: Callable) -> Callable[[Any], Any]:
    return lambda images: tf.cast(function(images, training=False), tf.float32)


def _traced(source: Source, function: Callable) -> Callable[[Any], Any]:
    """One trace serves all sizes."""
    shape = (source.batch, source.height, source.width, source.channels)
    return tf.function(_eager(function), input_signature=[tf.TensorSpec(shape, tf.float32)])


def _share_gpu() -> None:
    """TensorFlow would take the whole memory of the GPU, and leave nothing for other workers."""
    with contextlib.suppress(RuntimeError):  # already in use
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
