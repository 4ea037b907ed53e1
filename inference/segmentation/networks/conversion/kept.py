"""What is kept of a network beside its graph, read back and checked: somebody may have changed it.

Each function raises KeyError, TypeError or ValueError where that is not as it was written.
"""

import math
from dataclasses import fields
from typing import Any

from ..activations import LINEAR, SIGMOID, SOFTMAX
from ..form import Form
from ..network import EIGHT_BITS, ONE, SIXTEEN_BITS, UNTOLD, Ends, Geometry, Seen


def length(told: Any) -> int | None:
    return None if told is None else int(told)


def geometry(told: dict[str, Any]) -> Geometry:
    stride, reach, *flags = (told[key] for key in ("stride", "reach", "everywhere", "any_size"))
    if not (isinstance(stride, int) and stride >= 1 and {*map(type, flags)} == {bool}):
        raise ValueError(f"its geometry is {told}")
    if reach is not None and not (isinstance(reach, int) and reach >= 0):
        raise ValueError(f"its reach is {reach}")
    return Geometry(stride, reach, *flags)


def ends(told: dict[str, Any]) -> Ends:
    found = Ends(
        told["largest"],
        told["activation"],
        told["labels"],
        told["seen"] and _seen(told["seen"]),
        told["bounds"] and _bounds(told["bounds"]),
        told["any_scale"],
        told["quantized"],
    )
    if found.largest not in (UNTOLD, ONE, EIGHT_BITS, SIXTEEN_BITS):
        raise ValueError(f"its largest intensity is {found.largest}")
    if found.activation not in (SIGMOID, SOFTMAX, LINEAR, ""):
        raise ValueError(f"its activation is {found.activation}")
    if found.labels is not None and not (isinstance(found.labels, int) and found.labels >= 0):
        raise ValueError(f"its labels are {found.labels}")
    if type(found.any_scale) is not bool or type(found.quantized) is not bool:
        raise ValueError(f"any scale is {found.any_scale}, quantized {found.quantized}")
    return found


def _bounds(told: list[Any]) -> tuple[float, float]:
    low, high = map(float, told)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"its bounds are {told}")
    return low, high


def _seen(told: dict[str, Any]) -> Seen:
    mean, deviation = float(told["mean"]), float(told["deviation"])
    if not (math.isfinite(mean) and math.isfinite(deviation) and deviation > 0):
        raise ValueError(f"what it has seen is {told}")
    return Seen(mean, deviation)


def form(told: dict[str, Any]) -> Form:
    found = Form(**told)
    wanted = Form()
    for field in fields(Form):
        if type(getattr(found, field.name)) is not type(getattr(wanted, field.name)):
            raise ValueError(f"its form is {told}")
    return found
