"""What TensorFlow alone can run: its form and its stride, found by running it."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ...errors import ModelError
from ...spec_entries import Ports
from ..form import Form
from ..network import Description, Ends, Geometry
from . import forms, readers, sources

MOST_NUMBERS = 8 << 20  # of an image that is tried
STRIDES = [2**power for power in range(9)]


def form_of(reading: readers.Reading, ports: Ports, name: str) -> tuple[Form, list[str]]:
    """The form of a model that was read, and what was assumed of it.

    Raises:
        ModelError: nothing here may run it, or it has no form.
    """
    source = reading.source
    if source is None:
        raise ModelError(f"{name} cannot be run: {reading.unread}; {forms.RULE}")
    labels: list[bool] = []

    def trial(shape: tuple[int, ...]) -> list[tuple[int, ...]] | None:
        if math.prod(shape) > MOST_NUMBERS:
            return None
        try:
            results = source(np.zeros(shape, np.float32))
        except Exception:  # whatever it raises where its parts do not fit each other
            return None
        labels[:] = [np.issubdtype(values.dtype, np.integer) for values in results]
        return [values.shape for values in results]

    form, assumed = forms.find(reading.inputs, reading.outputs, trial, ports, name)
    return replace(form, labels=labels[form.output]), assumed


def describe(reading: readers.Reading, form: Form, name: str) -> Description:
    """What is known of it.

    Raises:
        ModelError: it gives nothing for any size that is a multiple of a stride.
    """
    lengths: dict[str, Any] = dict(zip(form.taken, reading.inputs[0].shape, strict=False))
    batch = lengths.get("b") if form.batches else 1
    height, width = (lengths.get(axis) and lengths[axis] - 2 * form.border for axis in "yx")
    channels = lengths.get("c", 1)
    for stride, size in _sizes(height, width):
        images = np.zeros((batch or 1, *size, channels), np.float32)
        try:
            values = run(reading.source, form, images)
        except Exception:  # as above
            continue
        if values.shape[:3] == images.shape[:3]:
            labels = 0 if form.labels else None
            ends = Ends(reading.white, labels=labels)
            geometry = Geometry(stride)
            classes = values.shape[3]
            return Description(name, channels, height, width, classes, batch, geometry, ends)
    raise ModelError(f"{name} gives no image of the size of its input; {forms.RULE}")


def _sizes(height: int | None, width: int | None) -> Iterator[tuple[int, tuple[int, int]]]:
    """Strides, the smallest first, and a size that is no multiple of the next one."""
    for stride in STRIDES:
        yield (1 if height and width else stride), (height or 3 * stride, width or 3 * stride)


def run(source: sources.Run | None, form: Form, images: np.ndarray) -> np.ndarray:
    """float32 (N, H, W, C) -> float32 (N, H, W, K), by what made the artifact."""
    assert source, "something may run it"
    return form.run(lambda own: source(own)[form.output], images)
