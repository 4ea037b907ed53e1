"""A row of measurements for each object, in columns named as scikit-image names them.

https://scikit-image.org/docs/stable/api/skimage.measure.html#skimage.measure.regionprops_table
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..answers import OfPlane, Prediction, Table
from ..components import Components, sums, weigh
from ..images import Images

BYTES_PER_OBJECT = 1000  # in columns, and as text


def columns(prediction: Prediction) -> dict[str, list[Any]]:
    """The measurements of all objects, image by image, in the order of their labels.

    Returns:
        By name: ``image``, from 0, of stacks; ``label``; ``class``, its name; ``area``,
        ``centroid-0`` and ``-1`` (row and column, of the centres of pixels) and ``bbox-0`` to
        ``bbox-3`` (the first row and column, and those after the last) in pixels;
        ``intensity_mean``, or ``intensity_mean-0`` and so on of several channels, of the values as
        they are stored; ``area_um2``, ``centroid_um-0`` and ``-1`` where the size of a pixel is
        known.

    Raises:
        OutOfMemory: they need more than is left.
    """
    answer = prediction.answer
    assert isinstance(answer, Table)
    table: dict[str, list[Any]] = {}
    for plane in answer.components(prediction.values):
        weigh(plane.components.count, "objects", BYTES_PER_OBJECT)
        names = {number: answer.class_name(number) for number in np.unique(plane.classes).tolist()}
        measured = _named(plane, names, prediction.images)
        measured |= _measured(plane.components)
        if prediction.seen:
            measured |= _intensities(plane, prediction.images)
        measured |= _physical(measured, prediction.images)
        for name, values in measured.items():
            table.setdefault(name, []).extend(np.asarray(values).tolist())
    return table


def records(prediction: Prediction) -> Iterator[dict[str, Any]]:
    """The rows, each by the names of its columns."""
    table = columns(prediction)
    return (dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True))


def csv_of(prediction: Prediction) -> bytes:
    """The rows as lines, below one with the names of the columns."""
    table = columns(prediction)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return text.getvalue().encode()


def _named(plane: OfPlane, names: dict[int, str], images: Images) -> dict[str, Any]:
    count = plane.components.count
    image = {"image": np.full(count, plane.image)} if images.stacked else {}
    of_each = [names[number] for number in plane.classes.tolist()]
    return {**image, "label": np.arange(1, count + 1), "class": of_each}


def _measured(components: Components) -> dict[str, np.ndarray]:
    """Area, centroid and box of each object, in pixels."""
    labels, areas = components.labels, components.areas
    rows = np.arange(labels.shape[0])[:, None]
    columns = np.arange(labels.shape[1])[None]
    found = {"area": areas}
    for axis, places in enumerate((rows, columns)):
        found[f"centroid-{axis}"] = sums(labels, components.count, places) / areas
    boxes = components.boxes
    return found | {f"bbox-{index}": boxes[:, index] for index in range(4)}


def _intensities(plane: OfPlane, images: Images) -> dict[str, np.ndarray]:
    """The mean of each channel that the model takes, as it is stored."""
    labels, areas = plane.components.labels, plane.components.areas
    pixels = replace(images, repeats=1).batch[plane.image]  # (H, W, C)
    means = [
        sums(labels, len(areas), pixels[..., channel]) / areas
        for channel in range(pixels.shape[-1])
    ]
    if len(means) == 1:
        return {"intensity_mean": means[0]}
    return {f"intensity_mean-{channel}": mean for channel, mean in enumerate(means)}


def _physical(measured: dict[str, Any], images: Images) -> dict[str, Any]:
    """In micrometers, where the size of a pixel is known."""
    size = images.calibration.pixel_size
    if size is None:
        return {}
    height, width = size
    return {
        "area_um2": measured["area"] * (height * width),
        "centroid_um-0": measured["centroid-0"] * height,
        "centroid_um-1": measured["centroid-1"] * width,
    }
