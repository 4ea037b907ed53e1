"""SavedModels as TensorFlow runs them: what one may hold, and how it is called.

A SavedModel is a program that TensorFlow runs with the rights of the server, and it can read and
write files (https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md). So TensorFlow is
given one only if all that it would run is on a list of operations that compute, and none of it
handles text, in which a file's name or another graph could be hidden. OpenVINO needs no such list:
it has no operation that does more than compute.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...errors import ModelError
from .allowed_operations import ALLOWED

FILE_NAME = "saved_model.pb"
SIGNATURE = "serving_default"


def load(folder: Path) -> "SavedModelFunction":
    """Load a SavedModel, after a look at what it does.

    Raises:
        ModelError: it does more than compute, or has no signature.
    """
    import tensorflow as tf

    refused = what_is_not_allowed(folder)
    if refused:
        raise ModelError(
            f"TensorFlow does not run {folder.name}: {refused}; export the network alone, or bring "
            "a model_fn in code/inference.py"
        )
    loaded = tf.saved_model.load(str(folder))
    if not loaded.signatures:
        raise ModelError(f"{folder.name} has no signature; export it with model.export()")
    return SavedModelFunction(loaded, _of_images(loaded.signatures))


def _of_images(signatures: Mapping[str, Any]) -> str:
    """The name of the signature that takes an image: the usual one, if it does."""
    names = sorted(signatures, key=lambda name: (name != SIGNATURE, name))
    return next((name for name in names if _takes_image(signatures[name])), names[0])


def _takes_image(signature: Any) -> bool:
    inputs = list(signature.structured_input_signature[1].values())
    if len(inputs) != 1:
        return False
    [taken] = inputs
    numbers = taken.dtype.is_floating or taken.dtype.is_integer
    return numbers and (taken.shape.rank is None or 2 <= taken.shape.rank <= 4)


class SavedModelFunction:
    """A signature of a SavedModel as a function of one tensor.

    Attributes:
        input_names, inputs: those of the signature.
        output_names, outputs: those of the signature, in the order of tf.nest.flatten.
        is_one_of_several: whether others might be taken for the usual one.
        variables, trainable_variables: as far as whoever saved it wrote them down.
    """

    def __init__(self, loaded: Any, name: str):
        self._loaded = loaded  # owns the variables of the signature
        self.variables = getattr(loaded, "variables", None)
        self.trainable_variables = getattr(loaded, "trainable_variables", None)
        self._signature = signature = loaded.signatures[name]
        self.is_one_of_several = len(loaded.signatures) > 1 and name != SIGNATURE
        _, inputs = signature.structured_input_signature
        outputs = signature.structured_outputs
        self.input_names, self.inputs = list(inputs), list(inputs.values())
        self.output_names = sorted(outputs)
        self.outputs = [outputs[name] for name in self.output_names]

    def __call__(self, images: Any, training: bool = False) -> Any:
        """The outputs by their names."""
        import tensorflow as tf

        images = tf.cast(images, self.inputs[0].dtype)
        return self._signature(**{self.input_names[0]: images})

    def save(self, folder: Path) -> None:
        """Write a SavedModel that has this signature alone, as the usual one."""
        import tensorflow as tf

        tf.saved_model.save(self._loaded, str(folder), signatures={SIGNATURE: self._signature})


def what_is_not_allowed(folder: Path) -> str:
    """Why TensorFlow must not run a SavedModel; empty where it may.

    Raises:
        google.protobuf.message.DecodeError: it is broken.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    content = saved_model_pb2.SavedModel.FromString((folder / FILE_NAME).read_bytes())
    reasons: list[str] = []
    for graph in content.meta_graphs:
        if not graph.object_graph_def.nodes:
            return "it is of TensorFlow 1"
        nodes = list(_running(graph))
        functions = {function.signature.name for function in graph.graph_def.library.function}
        others = {node.op for node in nodes} - ALLOWED - functions
        if others:
            reasons.append(f"it has the operations {', '.join(sorted(others))}")
        texts = {node.op for node in nodes if _handles_text(node)}
        if texts:
            reasons.append(f"its operations {', '.join(sorted(texts))} handle text")
    return " and ".join(reasons)


def _running(graph: Any) -> Iterator[Any]:
    """The operations that loading or calling it would run: all but those of its saver."""
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    for name in _reached(functions, graph.object_graph_def.concrete_functions):
        yield from functions[name].node_def


def _reached(functions: dict[str, Any], names: Iterable[str]) -> set[str]:
    """The functions that are called from those of these names, and these."""
    reached: set[str] = set()
    pending = [name for name in names if name in functions]
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            called = (c for node in functions[name].node_def for c in _called(node))
            pending.extend(name for name in called if name in functions)
    return reached


def _called(node: Any) -> Iterator[str]:
    yield node.op  # a function can be called as if it were an operation
    for value in node.attr.values():
        yield value.func.name
        yield from (function.name for function in value.list.func)


def _handles_text(node: Any) -> bool:
    from tensorflow.core.framework import types_pb2

    types = [value.type for value in node.attr.values()]
    types += [kind for value in node.attr.values() for kind in value.list.type]
    types += [value.tensor.dtype for value in node.attr.values()]
    return types_pb2.DT_STRING in types
