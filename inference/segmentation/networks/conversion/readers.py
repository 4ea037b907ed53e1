"""Reading artifacts: what each kind becomes, and what it can be compared with.

    .keras, .h5, .hdf5    Keras loads it and exports it; compared with the Keras model
    SavedModel            compared with TensorFlow, if that may run it
    .tflite               compared with TensorFlow Lite's interpreter
    .onnx                 nothing here but OpenVINO runs it

Runs in the converting process only, but for ``exported``.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino.frontend import FrontEndManager

from ...errors import ModelError
from . import saved_model

KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")
FILE_SUFFIXES = (*KERAS_SUFFIXES, ".onnx", ".tflite")
REASON_LENGTH = 500  # characters
Run = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Reading:
    """An artifact that was read.

    Attributes:
        graph: as OpenVINO reads it; None where it cannot.
        unread: why OpenVINO cannot read it, or empty.
        source: runs the artifact by what made it, float32 images -> float32; None: nothing may.
        uncompared: why nothing may, or empty.
        shapes: of its inputs and its outputs, None for a free length.
        whole: whether its input is of whole numbers, where OpenVINO cannot read it.
    """

    graph: ov.Model | None
    unread: str
    source: Run | None
    uncompared: str
    shapes: tuple[list[tuple], list[tuple]]
    whole: bool = False


def read(path: Path, folder: Path) -> Reading:
    """Read an artifact.

    Args:
        path: of the file, or of the folder of a SavedModel.
        folder: for files that are needed meanwhile.

    Raises:
        ModelError: it must not be read.
        Exception: it is broken; libraries raise almost anything then.
    """
    if path.is_dir():
        return _saved_model(path)
    suffix = path.suffix.lower()
    if suffix in KERAS_SUFFIXES:
        from . import keras_files

        return keras_model(keras_files.load(path), folder)
    frontend = FrontEndManager().load_by_framework(suffix.lstrip("."))  # not by the content
    graph = frontend.convert(frontend.load(str(path)))
    if suffix == ".tflite":
        return Reading(graph, "", _tensorflow_lite(path), "", graph_shapes(graph))
    reason = "nothing else here runs ONNX"
    return Reading(graph, "", None, reason, graph_shapes(graph))


def import_libraries(path: Path) -> None:
    """Import what reading an artifact needs."""
    if path.suffix.lower() in KERAS_SUFFIXES:
        import keras  # noqa: F401
        import tf_keras  # noqa: F401
    if path.suffix.lower() != ".onnx":
        import tensorflow as tf

        tf.zeros(1)  # starts its threads


def keras_model(model: Any, folder: Path) -> Reading:
    """Read a Keras model by way of a SavedModel.

    Args:
        model: of Keras.
        folder: for the SavedModel, which has the size of its weights.
    """
    shapes = keras_shapes(model)
    source = _of_keras(model)
    try:
        exported = folder / "exported"
        with _quiet():
            _export(model, exported)
        graph = ov.Core().read_model(exported)
    except Exception as exc:  # what Keras cannot trace, or OpenVINO cannot read
        return Reading(None, in_a_line(exc), source, "", shapes, _takes_whole_numbers(model))
    return Reading(graph, "", source, "", shapes)


def _export(model: Any, folder: Path) -> None:
    import keras

    if not isinstance(model, keras.Model):  # it is of Keras 2
        model.export(str(folder))
        return
    with _upsampling_of_free_size():
        model.export(folder, format="tf_saved_model", verbose=False)


def keras_shapes(model: Any) -> tuple[list[tuple], list[tuple]]:
    """Of its inputs and outputs; empty where it does not tell."""
    inputs, outputs = (
        [tuple(tensor.shape) for tensor in getattr(model, ends, None) or []]
        for ends in ("inputs", "outputs")
    )
    return inputs, outputs


def _takes_whole_numbers(model: Any) -> bool:
    from .. import tensorflow

    return tensorflow.takes_whole_numbers(model)


def in_a_line(exc: Exception) -> str:
    """The message of an error of a library; of a long one both ends, as the reason may be last."""
    text = " ".join(str(exc).split())
    if len(text) > REASON_LENGTH:
        text = f"{text[: REASON_LENGTH // 2]} … {text[-REASON_LENGTH // 2 :]}"
    return f"{type(exc).__name__}: {text}"


def _saved_model(folder: Path) -> Reading:
    refused = saved_model.what_is_not_allowed(folder)
    loaded = None if refused else saved_model.load(folder)
    source = None if loaded is None else _of_keras(loaded)
    try:
        graph = ov.Core().read_model(folder)
    except RuntimeError as exc:
        if loaded is None:
            raise ModelError(
                f"{folder.name} cannot be run: OpenVINO cannot read it ({in_a_line(exc)}), and "
                f"TensorFlow must not run it: {refused}; export the network alone"
            ) from exc
        whole = _takes_whole_numbers(loaded)
        return Reading(None, in_a_line(exc), source, "", keras_shapes(loaded), whole)
    return Reading(graph, "", source, refused, graph_shapes(graph))


def _of_keras(function: Any) -> Run:
    def run(images: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        return tf.cast(function(tf.convert_to_tensor(images), training=False), tf.float32).numpy()

    return run


def _tensorflow_lite(path: Path) -> Run:
    import tensorflow as tf

    def run(images: np.ndarray) -> np.ndarray:
        interpreter = tf.lite.Interpreter(str(path))
        [taken, given] = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        interpreter.resize_tensor_input(taken["index"], images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(taken["index"], images.astype(taken["dtype"]))
        interpreter.invoke()
        return interpreter.get_tensor(given["index"]).astype(np.float32)

    return run


def graph_shapes(graph: ov.Model) -> tuple[list[tuple], list[tuple]]:
    inputs, outputs = ([shape_of(end) for end in ends] for ends in (graph.inputs, graph.outputs))
    return inputs, outputs


def shape_of(output: Any) -> tuple[int | None, ...]:
    """The shape of an input or output of a graph; None for a free length, () for any rank."""
    shape = output.get_partial_shape()
    if shape.rank.is_dynamic:
        return ()
    return tuple(dim.get_length() if dim.is_static else None for dim in shape)


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
def _quiet() -> Iterator[None]:
    """Exporting prints what it does, whatever it is told."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
