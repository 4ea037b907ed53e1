"""What the channels of an output stand for."""

import re

from .steps import Ending
from .tensors import Tensor

BACKGROUND = "background"
# names of channels that say nothing
GENERIC = re.compile(r"(channel|c|class|output|mask|probability|prediction)?[ _-]?\d*")


def named(given: Tensor, ending: Ending) -> list[dict[str, str]] | None:
    """The names of the classes, background first; None where the channels do not tell them."""
    names = given.channel_names
    if not names or any(GENERIC.fullmatch(name.lower()) for name in names):
        return None
    if len(names) == 1 or overlap(given, ending):  # background has no channel of its own
        names = (BACKGROUND, *names)
    elif ending.activation != "softmax" and names[0].lower() != BACKGROUND:
        return None  # its layers tell whether one of them is background
    return [{"name": name} for name in names]


def overlap(given: Tensor, ending: Ending) -> bool | None:
    """Whether each of several channels is judged by itself; None: its layers tell."""
    by_itself = ending.activation == "sigmoid" or ending.threshold is not None
    return True if given.channels > 1 and by_itself and ending.activation != "softmax" else None
