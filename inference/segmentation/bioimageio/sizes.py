"""Which sizes of images a package allows, and how much of the edge of a tile it does not trust."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from .document import is_number
from .tensors import IMAGE


def of(taken: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, int]:
    """What ``tiles`` of ``model.json`` would say.

    Args:
        taken, given: the input and the output, as the description has them, of either format.

    Returns:
        "min", "step" (0 where there is one size only) and "halo", each where it is told.
    """
    lengths = list(_lengths(taken))
    found = {"halo": max(_halos(given), default=0)}
    if len(lengths) == len(IMAGE):
        found["min"] = max(least for least, _ in lengths)
        steps = [step for _, step in lengths]
        found["step"] = math.lcm(*steps) if all(steps) else 0
        if not all(steps) and len(set(lengths)) > 1:  # only one length is free, or they differ
            del found["min"], found["step"]
    return {key: value for key, value in found.items() if value or key == "step"}


def _lengths(taken: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """The smallest length and the step of height and width, as far as they are told."""
    axes, shape = taken.get("axes"), taken.get("shape")
    if isinstance(axes, str):  # format 0.4
        told = shape if isinstance(shape, Mapping) else {"min": shape, "step": [0] * len(axes)}
        least, steps = told.get("min"), told.get("step")
        if isinstance(least, list) and isinstance(steps, list):
            for axis, length, step in zip(axes, least, steps, strict=False):
                if axis in IMAGE and is_number(length) and is_number(step):
                    yield int(length), int(step)
        return
    for one in _spatial(axes):
        size: Any = one.get("size")
        parts = size if isinstance(size, Mapping) else {"min": size, "step": 0}
        if is_number(parts.get("min")) and is_number(parts.get("step")):
            yield int(parts["min"]), int(parts["step"])


def _halos(given: Mapping[str, Any]) -> Iterator[int]:
    axes, halo = given.get("axes"), given.get("halo")
    if isinstance(axes, str):
        if isinstance(halo, list):
            yield from (
                int(length)
                for axis, length in zip(axes, halo, strict=False)
                if axis in IMAGE and is_number(length)
            )
        return
    yield from (int(one["halo"]) for one in _spatial(axes) if is_number(one.get("halo")))


def _spatial(axes: Any) -> Iterator[Mapping[str, Any]]:
    for axis in axes if isinstance(axes, list) else ():
        if isinstance(axis, Mapping) and axis.get("type") == "space" and axis.get("id") in [*IMAGE]:
            yield axis
