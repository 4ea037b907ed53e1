"""GeoJSON: the outlines of objects, as programs for microscopy read them.

https://www.rfc-editor.org/rfc/rfc7946, but for the coordinates, which are pixels: x to the right
and y down, from the upper left corner of the image. The properties are those of QuPath
(https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html), in a form that
napari-geojson takes, too.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..answers import Content, Objects, OfPlane, Polygons, Prediction
from ..components import weigh
from ..drawing import class_colors
from ..errors import UnsupportedMediaType
from ..images import Images
from ..polygons import trace
from . import media_types
from .format import Format
from .writing import array_of

ALL_CHANNELS = -1  # of QuPath
BYTES_PER_OBJECT = 1000  # without its polygon


class GeoJson(Format):
    """A FeatureCollection of polygons, and nothing else; it is only written."""

    name = "GeoJSON"
    media_type = media_types.GEOJSON
    aliases = ("application/vnd.geo+json",)
    suffixes = (".geojson",)
    contents = frozenset({Content.FEATURES})
    usual_for = Content.FEATURES
    place = 9

    def decode(self, body: Any, max_pixels: int) -> Images:
        raise UnsupportedMediaType(f"{self.media_type} holds no image; send a picture or an array")

    def encode(self, prediction: Prediction) -> bytes:
        return dumps(prediction)


def dumps(prediction: Prediction) -> bytes:
    """The polygons of an answer as JSON.

    Raises:
        OutOfMemory: they need more than is left.
    """
    answer = prediction.answer
    assert isinstance(answer, Polygons)
    features = array_of(_features(answer, prediction))
    return b'{"type":"FeatureCollection","features":' + features + b"}"


def _features(answer: Polygons, prediction: Prediction) -> Iterator[dict[str, Any]]:
    """The features of all images, in the order of their labels."""
    for plane in answer.components(prediction.values):
        weigh(plane.components.count, "objects", BYTES_PER_OBJECT)
        yield from _of_plane(plane, answer, prediction.images)


def _of_plane(plane: OfPlane, answer: Objects, images: Images) -> Iterator[dict[str, Any]]:
    kinds = {
        number: {"name": answer.class_name(number), "color": _color(number, answer)}
        for number in np.unique(plane.classes).tolist()
    }
    place = _place(plane.image, images)
    polygons = trace(plane.components.labels)
    areas, classes = plane.components.areas.tolist(), plane.classes.tolist()
    for label, (rings, area, number) in enumerate(zip(polygons, areas, classes, strict=True), 1):
        geometry = {"type": "Polygon", "coordinates": rings} | place
        properties: dict[str, Any] = {
            "objectType": "annotation",
            "classification": kinds[number],
            "isLocked": False,
            "label": label,
            "area": area,
            "measurements": _measurements(area, images),
        }
        if images.stacked:
            properties["image"] = plane.image
        yield {"type": "Feature", "geometry": geometry, "properties": properties}


def _color(number: int, answer: Objects) -> list[int]:
    return class_colors(np.array(number), answer.colors).tolist()


def _measurements(area: int, images: Images) -> list[dict[str, Any]]:
    """What QuPath shows beside an object; a list, for napari-geojson cannot read an object."""
    measured = [{"name": "Area px^2", "value": float(area)}]
    size = images.calibration.pixel_size
    if size is not None:
        measured.append({"name": "Area µm^2", "value": area * size[0] * size[1]})
    return measured


def _place(image: int, images: Images) -> dict[str, Any]:
    """Where QuPath shows what belongs to an image of a stack; {} where there is no stack.

    Pages of which nothing is known are points in time, as Bio-Formats takes them.
    """
    if not images.stacked:
        return {}
    axes, count = dict(images.calibration.stack), len(images.batch)
    if not axes or not axes.keys() <= {"T", "Z"} or math.prod(axes.values()) != count:
        axes = {"T": count}
    at = dict(zip(axes, np.unravel_index(image, tuple(axes.values())), strict=True))
    z, t = int(at.get("Z", 0)), int(at.get("T", 0))
    return {"plane": {"c": ALL_CHANNELS, "z": z, "t": t}}
