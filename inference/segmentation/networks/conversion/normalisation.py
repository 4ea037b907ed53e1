"""The first batch normalisation of a graph: what comes to it, and what it remembers of training.

A graph has it as arithmetic: ``(x - mean) / deviation``, or ``x · factor + shift``, where factor
and shift are mixed of the mean, the variance and what was learned. The weights of the artifact tell
these apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov

from . import graphs
from .ports import shape_of
from .trained_on import LEAST_FILTERS, Remembered, Respond

MOST_WEIGHTS = 50_000  # of the layers before it: with more, looking at it would take long
LARGEST_EPSILON = 0.1  # what a normalisation adds to a variance is less
CLOSE = 1e-4  # how equal numbers are that float32 rounded
MULTIPLIED, ADDED, SUBTRACTED, DIVIDED = "Multiply", "Add", "Subtract", "Divide"


@dataclass(frozen=True)
class Vector:
    """A weight of an artifact that has one axis.

    Attributes:
        values: float64 (K,).
        trained: whether training changes it, as what it belongs to says.
    """

    values: np.ndarray
    trained: bool


@dataclass(frozen=True)
class Normalisation:
    """A batch normalisation.

    Attributes:
        value: the output of the graph that comes to it.
        channels_last: whether its axes are (N, H, W, K), and not (N, K, H, W).
        remembered: its statistics.
    """

    value: Any
    channels_last: bool
    remembered: Remembered


def vectors_of(model: Any) -> tuple[Vector, ...]:
    """The vectors of a Keras model, or of a SavedModel that was made of one."""
    variables = getattr(model, "variables", None)
    trainable = getattr(model, "trainable_variables", None)
    if not variables or trainable is None:
        return ()
    trained = {id(variable) for variable in trainable}
    return tuple(
        Vector(np.asarray(variable).astype(np.float64), id(variable) in trained)
        for variable in variables
        if len(variable.shape) == 1
    )


def first(graph: ov.Model, vectors: Sequence[Vector]) -> Normalisation | None:
    """The first one of a graph that has filters enough; None: it has none that tells anything.

    A layer that was frozen tells of another training.

    Args:
        vectors: of the artifact; without any, statistics that stand in the graph as they are.
    """
    for node in graph.get_ordered_ops():
        found = _subtracted(node, vectors) or _multiplied(node, vectors)
        if found:
            return found
    return None


def respond(graph: ov.Model, found: Normalisation) -> Respond | None:
    """A function of what comes to a normalisation; None: it takes long, or one size only.

    Args:
        graph: from (N, H, W, C), that has it.
    """
    part = ov.Model([found.value], graph.get_parameters()).clone()
    if sum(map(_weights, part.get_ops())) > MOST_WEIGHTS:
        return None
    compiled: dict[tuple[int, ...], Any] = {}

    def run(images: np.ndarray) -> np.ndarray:
        if images.shape not in compiled:
            static = graphs.of_size(part, images.shape)
            compiled[images.shape] = ov.Core().compile_model(static, graphs.CPU, graphs.EXACT)
        values = compiled[images.shape](images)[0]
        return values if found.channels_last else values.transpose(graphs.TO_CHANNELS_LAST)

    return run


def _weights(node: Any) -> int:
    if node.get_type_name() != "Constant":
        return 0
    shape = node.output(0).get_shape()
    return int(np.prod(shape)) if len(shape) > 1 else 0


def _subtracted(node: Any, vectors: Sequence[Vector]) -> Normalisation | None:
    """(x - mean) / deviation."""
    mean, following = _constant(node, SUBTRACTED), _only_reader(node)
    if mean is None or following is None:
        return None
    divisor, factor = _constant(following, DIVIDED), _constant(following, MULTIPLIED)
    if divisor is not None:
        variance = divisor**2
    elif factor is not None and factor.all():
        variance = 1 / factor**2
    else:
        return None
    same = [vector.values for vector in vectors]
    if vectors and not any(_equal(values, mean) for values in same):
        return None  # it is no layer that remembers
    if vectors and not _is_trained(_only_reader(following), vectors):
        return None
    return _found(node, Remembered(mean, variance))


def _is_trained(node: Any, vectors: Sequence[Vector]) -> bool:
    """Whether what is multiplied or added after a normalisation is trained, where anything is."""
    for kind in (MULTIPLIED, ADDED):
        values = None if node is None else _constant(node, kind)
        if values is not None:
            return any(vector.trained and _equal(vector.values, values) for vector in vectors)
    return True


def _multiplied(node: Any, vectors: Sequence[Vector]) -> Normalisation | None:
    """x · factor + shift, where factor is gamma / √(variance + ε), shift beta - mean · factor."""
    factor, following = _constant(node, MULTIPLIED), _only_reader(node)
    if factor is None or following is None or not factor.all():
        return None
    shift = _constant(following, ADDED)
    if shift is None:
        return None
    of_size = [vector for vector in vectors if len(vector.values) == len(factor)]
    kept = [vector.values for vector in of_size if not vector.trained]
    ones, zeros = Vector(np.ones(len(factor)), True), Vector(np.zeros(len(factor)), True)
    for gamma, variance in _variances(factor, [*of_size, ones], kept):
        for beta in (*of_size, zeros):
            for mean in kept:
                if _equal(beta.values - mean * factor, shift):
                    if not (gamma.trained and beta.trained):
                        return None
                    return _found(node, Remembered(mean, variance))
    return None


def _variances(
    factor: np.ndarray, gammas: Sequence[Vector], kept: Sequence[np.ndarray]
) -> Iterator[tuple[Vector, np.ndarray]]:
    for gamma in gammas:
        whole = (gamma.values / factor) ** 2
        for variance in kept:
            epsilon = np.median(whole - variance)
            if 0 < epsilon < LARGEST_EPSILON and _equal(variance + epsilon, whole):
                yield gamma, variance


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    if one.shape != other.shape:
        return False
    scale = np.abs(other).max() + 1e-6
    return bool(np.allclose(one, other, rtol=CLOSE, atol=CLOSE * scale))


def _found(node: Any, remembered: Remembered) -> Normalisation | None:
    value = node.input_value(0)
    shape, count = shape_of(value), len(remembered.mean)
    constant = tuple(node.input_value(1).get_shape())
    last = len(constant) == 1 or constant[-1] == count
    if len(shape) != 4 or shape[3 if last else 1] != count:
        return None
    return Normalisation(value, last, remembered)


def _constant(node: Any, kind: str) -> np.ndarray | None:
    """float64 (K,), the numbers for each filter that an operation of that kind takes."""
    if node.get_type_name() != kind:
        return None
    values = graphs.constant(node.input_value(1))
    if values is None or values.size < LEAST_FILTERS or max(values.shape) != values.size:
        return None
    return values.astype(np.float64).ravel()


def _only_reader(node: Any) -> Any:
    [*readers] = node.output(0).get_target_inputs()
    return readers[0].get_node() if len(readers) == 1 else None
