"""What runs an artifact as what made it does, and what to say where nothing here may."""

from collections.abc import Callable

import numpy as np

REASON_LENGTH = 500  # characters
# from its own input to all of its outputs, in the order of tf.nest.flatten
Run = Callable[[np.ndarray], list[np.ndarray]]


class NotHere(Exception):
    """What made an artifact cannot run it on this machine, as TensorFlow on CPUs cannot run
    convolutions with the channels first.
    """


def in_a_line(exc: Exception) -> str:
    """The message of an error of a library; of a long one both ends, as the reason may be last."""
    text = " ".join(str(exc).split())
    if len(text) > REASON_LENGTH:
        text = f"{text[: REASON_LENGTH // 2]} … {text[-REASON_LENGTH // 2 :]}"
    return f"{type(exc).__name__}: {text}"
