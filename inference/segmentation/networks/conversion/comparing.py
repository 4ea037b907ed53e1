"""How much a graph may differ from its source, and whether it does."""

import numpy as np

from ..activations import LINEAR
from ..form import Form
from ..network import Ends
from . import ends, graphs, readers

TOLERANCE = 1e-3  # of a picture's probabilities, for a graph in place of its source
TOLERANCE_OF_ROUNDED = 0.05  # the same, where the source computes in 16 bits, and the graph in 32
MEAN_OF_ROUNDED = 2e-3  # the same, in the mean
SAME_AT_ANY_SCALE = 0.01  # of probabilities, at most: an epsilon makes some difference
STEEPEST = 0.25  # how much of a logit becomes of a probability, at most
JUMPING = {"Greater", "GreaterEqual", "Less", "LessEqual", "TopK", "Round", "Floor", "Ceiling"}
SAME_PIXELS = 0.999  # of a picture, where values jump


def allowed(reading: readers.Reading, form: Form, known: Ends) -> tuple[tuple[float, float], bool]:
    """How a graph may differ from its source: ``tolerance`` and ``jumps`` of ``same``."""
    return _tolerance(reading, form, known), _jumps(reading, form)


def _tolerance(reading: readers.Reading, form: Form, known: Ends) -> tuple[float, float]:
    """How much may differ, at most and in the mean.

    More where the source rounds to 16 bits or fewer, and the graph computes in 32. Where even its
    output is rounded, nothing but its maker rounds so, which is then taken if it may run. Of logits
    it is what makes as much of a probability, whose slope is a quarter at most.
    """
    graph = reading.graph
    assert graph, "there is one"
    last = graph.output(form.output).get_element_type()
    rounds = graphs.rounds(graph) and (reading.graph_alone or last not in graphs.ROUNDED)
    rounds = rounds or (reading.graph_alone and graphs.quantizes(graph))
    most, mean = (TOLERANCE_OF_ROUNDED, MEAN_OF_ROUNDED) if rounds else (TOLERANCE, TOLERANCE)
    if ends.is_rounded(graph.output(form.output)) and not form.labels:
        most = max(most, 1)  # where it rounds, the least difference makes one
    return most / _steepest(known), mean / _steepest(known)


def _jumps(reading: readers.Reading, form: Form) -> bool:
    """Whether what a graph gives may change by much for the least difference within."""
    assert reading.graph, "there is one"
    kinds = {node.get_type_name() for node in reading.graph.get_ops()}
    return form.labels or bool(kinds & JUMPING)


def at_any_scale(known: Ends) -> float:
    """How much may differ, at most, where the scale of images is not to matter."""
    return SAME_AT_ANY_SCALE / _steepest(known)


def _steepest(known: Ends) -> float:
    """How much of a difference becomes one of a probability, at most."""
    return STEEPEST if known.activation == LINEAR else 1


def same(
    values: np.ndarray,
    expected: np.ndarray,
    tolerance: tuple[float, float] = (TOLERANCE, TOLERANCE),
    jumps: bool = False,
) -> bool:
    """Whether values are as expected, but for as much as may differ at most and in the mean.

    Args:
        values, expected: (N, H, W, K).
        jumps: whether a few pixels may differ by anything, as where a threshold, or the choice of a
            class, makes much of the least difference.
    """
    if values.shape != expected.shape:
        return False
    most, mean = tolerance
    if jumps:
        near = np.isclose(values, expected, rtol=most, atol=most).all(axis=-1)
        return float(near.mean()) >= SAME_PIXELS
    in_the_mean = np.abs(values - expected).mean() <= mean * (1 + np.abs(expected).mean())
    return bool(in_the_mean) and np.allclose(values, expected, rtol=most, atol=most)
