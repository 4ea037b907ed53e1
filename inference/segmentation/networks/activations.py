"""What a network ends with, and how probabilities are made of logits."""

import numpy as np

SIGMOID, SOFTMAX, LINEAR = "sigmoid", "softmax", "linear"
ROUNDING = 0.01  # how far from 0–1 probabilities may be, for want of precision


def may_be_probabilities(low: float, high: float) -> bool:
    """Whether numbers from the one to the other are probabilities, but for rounding."""
    return low >= -ROUNDING and high <= 1 + ROUNDING


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
