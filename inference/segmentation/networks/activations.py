"""What a network ends with, and how probabilities are made of logits."""

import numpy as np

SIGMOID, SOFTMAX, LINEAR = "sigmoid", "softmax", "linear"
ROUNDING = 0.01  # how far from 0–1 probabilities may be, for want of precision


def may_be_probabilities(low: float, high: float) -> bool:
    """Whether numbers from the one to the other are probabilities, but for rounding."""
    return low >= -ROUNDING and high <= 1 + ROUNDING


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
