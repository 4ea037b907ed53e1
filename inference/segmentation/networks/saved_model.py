"""SavedModels: what one may hold, namely operations that compute, and how it is called.

A SavedModel is a program that TensorFlow runs with the rights of the server, and it can read and
write files (https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md). So before it is
loaded, its operations are looked up in TensorFlow's registry. Those with an effect outside of their
outputs are marked stateful there; of these, only variables, control flow and random numbers are
allowed. Operations that the registry does not know are refused.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import ModelError

FILE_NAME = "saved_model.pb"

STATEFUL_ALLOWED = frozenset(
    [
        "VarHandleOp",
        "ReadVariableOp",
        "VarIsInitializedOp",
        "DisableCopyOnRead",
        "AssignVariableOp",
        "AssignAddVariableOp",
        "AssignSubVariableOp",
        "StatefulPartitionedCall",
        "If",
        "While",
        "Case",
        "Placeholder",
        "RandomUniform",
        "RandomUniformInt",
        "RandomStandardNormal",
        "TruncatedNormal",
        "Assert",
    ]
)
# They read files, or run Python, and are not marked.
STATELESS_REFUSED = frozenset(["ReadFile", "MatchingFiles", "ImmutableConst", "PyFuncStateless"])
# TensorFlow puts them into every SavedModel, in functions that are not run on loading it.
SAVING = frozenset(["SaveV2", "RestoreV2", "MergeV2Checkpoints"])


def load(folder: Path) -> "SavedModelFunction":
    """Load a SavedModel, after a look at what it does.

    Raises:
        ModelError: it does more than compute, or has no signature.
    """
    import tensorflow as tf

    refuse_effects(folder)
    loaded = tf.saved_model.load(str(folder))
    signatures = loaded.signatures
    name = "serving_default" if "serving_default" in signatures else next(iter(signatures), None)
    if name is None:
        raise ModelError(f"{folder.name} has no signature; export it with model.export()")
    return SavedModelFunction(loaded, signatures[name])


class SavedModelFunction:
    """A signature of a SavedModel as a function from one tensor to one tensor."""

    def __init__(self, loaded: Any, signature: Any):
        self._loaded = loaded  # owns the variables of the signature
        self._signature = signature
        _, inputs = signature.structured_input_signature
        outputs = signature.structured_outputs
        self.inputs, self.outputs = list(inputs.values()), list(outputs.values())
        self._input, self._output = next(iter(inputs)), next(iter(outputs))

    def __call__(self, images: Any, training: bool = False) -> Any:
        return self._signature(**{self._input: images})[self._output]


def refuse_effects(folder: Path) -> None:
    """Look through a SavedModel without loading it.

    Raises:
        ModelError: it has an operation that could read or write files, or run code.
        google.protobuf.message.DecodeError: it is broken.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    content = saved_model_pb2.SavedModel.FromString((folder / FILE_NAME).read_bytes())
    for graph in content.meta_graphs:
        if not graph.object_graph_def.nodes:
            raise ModelError(
                f"{folder.name} is a SavedModel of TensorFlow 1; those of TensorFlow 2 are read; "
                "export it with model.export()"
            )
        effects = {op for op in _operations(graph) if _has_effect(op)}
        if effects:
            raise ModelError(
                f"{folder.name} has the operations {', '.join(sorted(effects))}, which may touch "
                "files or run code; a model that is served only computes; export the network "
                "alone, or bring a model_fn in code/inference.py"
            )


def _operations(graph: Any) -> Iterator[str]:
    """The operations of a graph, less those that only its saver has."""
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    running = _reached(functions, graph.object_graph_def.concrete_functions)
    for name, function in functions.items():
        saving = frozenset() if name in running else SAVING
        yield from {node.op for node in function.node_def} - saving - functions.keys()
    yield from {node.op for node in graph.graph_def.node} - SAVING - functions.keys()


def _reached(functions: dict[str, Any], names: Any) -> set[str]:
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


def _has_effect(name: str) -> bool:
    # There is no public way to ask; TensorFlow is pinned, and a test would tell.
    from tensorflow.python.framework import op_def_registry

    operation = op_def_registry.get(name)
    if operation is None or name in STATELESS_REFUSED:
        return True
    return operation.is_stateful and name not in STATEFUL_ALLOWED
