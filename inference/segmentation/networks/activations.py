"""What a network ends with, and how probabilities are made of logits."""

import numpy as np

from ..errors import ModelError

SIGMOID, SOFTMAX, LINEAR = "sigmoid", "softmax", "linear"
ROUNDING = 0.01  # how far from 0–1 probabilities may be, for want of precision


def may_be_probabilities(low: float, high: float) -> bool:
    """Whether numbers from the one to the other are probabilities, but for rounding."""
    return low >= -ROUNDING and high <= 1 + ROUNDING


def probabilities(values: np.ndarray, name: str) -> np.ndarray:
    """Numbers that a network gives, limited to 0–1, which they leave for want of precision alone.

    Args:
        values: of any shape.
        name: of the network.

    Raises:
        ModelError: they are others.
    """
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise ModelError(f"{name} gives NaN or infinity; probabilities are 0–1; mend the model")
    if not may_be_probabilities(low, high):
        raise ModelError(
            f"{name} gives values from {low:.3g} to {high:.3g}; probabilities are 0–1; "
            f"{remedy(low, high)}; if they are finished masks, let it give 0 and 1"
        )
    return values if low >= 0 and high <= 1 else values.clip(0, 1)


def remedy(low: float, high: float) -> str:
    """How values from the one to the other, which are no probabilities, could be served."""
    ending = ""
    if -1 - ROUNDING <= low < 0 < high <= 1 + ROUNDING:
        ending = "; what ends with tanh must go on with (y + 1) / 2"
    elif high <= ROUNDING:
        ending = "; logarithms of probabilities must go on with exp(y)"
    elif low >= -ROUNDING and high <= 255:
        ending = "; probabilities × 255 must go on with y / 255"
    return (
        'if they are logits, say so in model.json: "postprocessing": [{"id": "sigmoid"}], or '
        f'"softmax"{ending}'
    )


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Of float32, without overflow."""
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, small) / (1 + small)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Of the last axis, without overflow."""
    values = np.exp(logits - logits.max(axis=-1, keepdims=True))
    values /= values.sum(axis=-1, keepdims=True)
    return values


FUNCTIONS = {SIGMOID: sigmoid, SOFTMAX: softmax}
