"""Reading artifacts: what each kind becomes, and what it can be compared with.

    .keras, .h5, .hdf5    Keras loads it and exports it; compared with the Keras model
    SavedModel            compared with TensorFlow, if that may run it
    .tflite               compared with TensorFlow Lite's interpreter
    .onnx                 compared with ONNX Runtime, if that can run it

Runs in the converting process only, but for ``exported``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from ...errors import ModelError
from ..hardware import FLOAT32
from ..network import ONE
from . import exporting, frontends, intensities, saved_model
from .ends import LOGARITHM
from .normalisation import Vector, vectors_of
from .ports import Port, graph_ports, in_order, tensor_shape
from .sources import NotHere, Run, in_a_line

KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")
POINTER = b"version https://git-lfs"
FILE_SUFFIXES = (*KERAS_SUFFIXES, ".onnx", ".tflite")


@dataclass(frozen=True)
class Reading:
    """An artifact that was read.

    Attributes:
        graph: as OpenVINO reads it, with its outputs in the order of ``outputs``; None where it
            cannot.
        unread: why OpenVINO cannot read it, or empty.
        source: runs the artifact by what made it; None: nothing may.
        uncompared: why nothing may, or empty.
        inputs, outputs: of it.
        white: of its input, as its type or first layer tells, where OpenVINO cannot read it.
        vectors: its weights that have one axis, as far as they can be told.
        doubtful: what OpenVINO may have read wrongly, so that it must be compared; or empty.
        graph_alone: whether nothing but its graph can be served: what made it only checks that.
        asymmetric: whether what its 8 bits are a range of is no more than what occurred, as
            TensorFlow Lite has it; that of others may be as far below 0 as above.
    """

    graph: ov.Model | None
    unread: str
    source: Run | None
    uncompared: str
    inputs: list[Port]
    outputs: list[Port]
    white: int = ONE
    vectors: tuple[Vector, ...] = ()
    doubtful: str = ""
    graph_alone: bool = False
    asymmetric: bool = False


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
        _check_content(path / saved_model.FILE_NAME)
        return _saved_model(path, folder)
    _check_content(path)
    suffix = path.suffix.lower()
    if suffix in KERAS_SUFFIXES:
        from . import keras_files

        return keras_model(keras_files.load(path), folder)
    graph = frontends.read(path)
    lite = suffix == ".tflite"
    if lite:
        from . import lite_files

        run, graph = lite_files.of_file(path, graph)
    else:
        from . import onnx_files

        run = onnx_files.of_file(path)
    ports = graph_ports(graph)
    return Reading(graph, "", run, "", *ports, graph_alone=True, asymmetric=lite)


def _check_content(path: Path) -> None:
    with path.open("rb") as file:
        begin = file.read(len(POINTER))
    if not begin:
        raise ModelError(f"{path.name} is empty; save the model again, or copy it whole")
    if begin == POINTER:
        raise ModelError(
            f"{path.name} is what Git LFS keeps in place of a file; fetch the file itself with "
            "`git lfs pull`"
        )


def import_libraries(path: Path) -> None:
    """Import what reading an artifact needs."""
    if path.suffix.lower() in KERAS_SUFFIXES:
        import keras  # noqa: F401
        import tf_keras  # noqa: F401
    if path.suffix.lower() == ".onnx":
        import onnxruntime  # noqa: F401
    else:
        import tensorflow as tf

        tf.zeros(1)  # starts its threads


def keras_model(model: Any, folder: Path) -> Reading:
    """Read a Keras model by way of a SavedModel.

    Args:
        model: of Keras.
        folder: for the SavedModel, which has the size of its weights.
    """
    inputs, outputs, exported_as = keras_ports(model)
    source = of_function(model)
    try:
        exported = folder / "exported"
        exporting.export(model, exported)
        graph = in_order(ov.Core().read_model(exported), exported_as)
    except Exception as exc:  # what Keras cannot trace, or OpenVINO cannot read
        return Reading(None, in_a_line(exc), source, "", inputs, outputs, _white_of(model))
    vectors = vectors_of(model)
    return Reading(graph, "", source, "", inputs, outputs, ONE, vectors, _doubtful(graph))


def keras_ports(model: Any) -> tuple[list[Port], list[Port], list[str]]:
    """The inputs and outputs of a Keras model, and what the outputs are called once exported; all
    empty where it does not tell.
    """
    import tensorflow as tf

    taken = tf.nest.flatten(getattr(model, "inputs", None) or [])
    given = getattr(model, "outputs", None) or []
    structure = getattr(model, "output", given) if given else given
    if isinstance(structure, Mapping):
        names = exported_as = sorted(structure)
        given = [structure[name] for name in names]
    else:
        exported_as = [f"output_{index}" for index in range(len(given))]
        names = getattr(model, "output_names", None) or exported_as
    inputs = [Port(tensor.name.split(":")[0], tuple(tensor.shape)) for tensor in taken]
    outputs = [Port(name, tuple(tensor.shape)) for name, tensor in zip(names, given, strict=True)]
    return inputs, outputs, exported_as


def _white_of(model: Any) -> int:
    """The intensity of white that the type of the input tells, or a first layer that divides."""
    from .. import tensorflow

    told = tensorflow.white_of(model)
    for layer in _layers_of(model) if told == ONE else ():
        kind = type(layer).__name__
        if kind == "Rescaling":
            found = intensities.of_gain(float(np.abs(layer.scale).max()))
            return told if found is None else found
        if kind != "InputLayer" and not kind.startswith(exporting.AUGMENTING):
            break
    return told


def _layers_of(model: Any) -> Iterator[Any]:
    """The layers of a Keras model, in place of models in it theirs."""
    for layer in getattr(model, "layers", None) or []:
        if getattr(layer, "layers", None):
            yield from _layers_of(layer)
        else:
            yield layer


def _saved_model(folder: Path, temporary: Path) -> Reading:
    refused = saved_model.what_is_not_allowed(folder)
    loaded = None if refused else saved_model.load(folder)
    source = None if loaded is None else of_function(loaded)
    place = folder
    if loaded and loaded.is_one_of_several:  # OpenVINO would read another one, or all in one
        place = temporary / "exported"
        loaded.save(place)
    try:
        graph = ov.Core().read_model(place)
    except RuntimeError as exc:
        if loaded is None:
            raise ModelError(
                f"{folder.name} cannot be run: OpenVINO cannot read it ({in_a_line(exc)}), and "
                f"TensorFlow must not run it: {refused}; export the network alone"
            ) from exc
        return Reading(None, in_a_line(exc), source, "", *_ports_of(loaded), _white_of(loaded))
    if loaded is None:
        if any(taken.get_element_type() == ov.Type.string for taken in graph.inputs):
            raise ModelError(
                f"{folder.name} takes text in its signature {saved_model.SIGNATURE}, and "
                f"TensorFlow must not run it: {refused}; a model takes images; save it with the "
                "signature that takes an image alone"
            )
        doubtful = _doubtful(graph)
        return Reading(graph, "", None, refused, *graph_ports(graph), doubtful=doubtful)
    graph, vectors = in_order(graph, loaded.output_names), vectors_of(loaded)
    return Reading(graph, "", source, "", *_ports_of(loaded), ONE, vectors, _doubtful(graph))


def _doubtful(graph: ov.Model) -> str:
    """OpenVINO moves the layout of channels past a LogSoftmax, which stays along the last axis
    (tests/upstream/test_openvino.py).
    """
    kinds = {node.get_type_name() for node in graph.get_ops()}
    return LOGARITHM if LOGARITHM in kinds else ""


def _ports_of(loaded: Any) -> tuple[list[Port], list[Port]]:
    """Those of the signature of a SavedModel."""
    pairs = ((loaded.input_names, loaded.inputs), (loaded.output_names, loaded.outputs))
    inputs, outputs = (
        [Port(name, tensor_shape(tensor)) for name, tensor in zip(names, tensors, strict=True)]
        for names, tensors in pairs
    )
    return inputs, outputs


def of_function(function: Any) -> Run:
    """What is called like a Keras model. It may raise NotHere."""

    def run(images: np.ndarray) -> list[np.ndarray]:
        import tensorflow as tf

        from ..tensorflow import compute_in

        compute_in(FLOAT32)  # a network that ran before may have left another one
        try:
            given = tf.nest.flatten(function(tf.convert_to_tensor(images), training=False))
        except tf.errors.UnimplementedError as exc:
            raise NotHere(in_a_line(exc)) from exc
        return [_in_float32(values).numpy() for values in given]

    return run


def _in_float32(values: Any) -> Any:
    """Unless they are whole numbers."""
    import tensorflow as tf

    return tf.cast(values, tf.float32) if values.dtype.is_floating else values
