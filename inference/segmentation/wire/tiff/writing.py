"""An answer as a TIFF, with the axes and the size of pixels of the request's file.

It is written in the way of whoever wrote that: as a hyperstack of ImageJ, as OME-TIFF, or as plain
pages; programs then lay the mask over the image.
"""

import io
import math
from typing import Any, NamedTuple

import numpy as np
import tifffile

from ... import machine
from ...answers import Prediction
from ...calibration import MICROMETERS, Calibration
from ...channels import times
from ...errors import NotAcceptable

NAMED_AXES = "TZC"  # in the order of ImageJ
IMAGEJ_TYPES = ("uint8", "uint16", "float32")
THREADS = 8
LEVEL = 6  # of deflate: half of the bytes of level 1 for a mask, in twice the time
CM, INCH, NO_UNIT = 3, 2, 1  # of the tag ResolutionUnit
CENTIMETER = MICROMETERS["cm"]
LEAST = 1e-8  # pixels per unit, and 1 / LEAST is the most


class Layout(NamedTuple):
    """Planes in the axes of the answer: (…, H, W) or (…, H, W, 3), and their names."""

    planes: np.ndarray
    axes: str


def write(prediction: Prediction) -> bytes:
    """The bytes of an answer.

    Raises:
        NotAcceptable: TIFF cannot hold it.
    """
    planes, calibration = prediction.planes, prediction.images.calibration
    layout = _layout(planes, len(prediction.values), calibration)
    file = io.BytesIO()
    threads = min(THREADS, machine.available_cpus())
    compression = None if planes.dtype.kind == "f" else "zlib"
    try:
        tifffile.imwrite(
            file,
            **_way(layout, calibration),
            photometric="rgb" if planes.ndim == 4 else "minisblack",
            compression=compression,
            compressionargs={"level": LEVEL} if compression else None,
            maxworkers=threads,
            software="",
        )
    except (ValueError, OSError, OverflowError) as exc:
        raise NotAcceptable(
            f"image/tiff cannot hold {times(planes.shape)} pixels: {exc}; accept application/x-npy"
        ) from exc
    return file.getvalue()


def _layout(planes: np.ndarray, images: int, calibration: Calibration) -> Layout:
    """Planes in the axes of the request, with one for classes where an image has several.

    Args:
        planes: (P, H, W) or (P, H, W, 3), the classes of each image together.
        images: how many these are of.
    """
    stack = tuple((axis, length) for axis, length in calibration.stack if axis != "C")
    if math.prod(length for _, length in stack) != images:
        stack = (("I", images),) if images > 1 else ()
    classes = len(planes) // images
    if classes > 1:
        stack = (*stack, ("C", classes))
    names = "".join(axis for axis, _ in stack) + "YXS"[: planes.ndim - 1]
    return Layout(planes.reshape(*(length for _, length in stack), *planes.shape[1:]), names)


def _way(layout: Layout, calibration: Calibration) -> dict[str, Any]:
    """The data, and how they are described."""
    planes, axes = layout
    outer = axes[: axes.index("Y")]
    color = axes.endswith("S")
    plain = set(outer) <= set(NAMED_AXES) and len(set(outer)) == len(outer)
    kept = planes.dtype == np.uint8 if color else planes.dtype.name in IMAGEJ_TYPES
    if plain and kept and calibration.program == "imagej":
        return _imagej(layout, calibration)
    if plain and calibration.program == "ome":
        return _ome(layout, calibration)
    way: dict[str, Any] = {"data": planes, "metadata": None, **_resolution(calibration)}
    if set(outer) - set("IQ"):
        way["metadata"] = {"axes": axes}
    return way


def _imagej(layout: Layout, calibration: Calibration) -> dict[str, Any]:
    planes, axes = _in_order(layout, NAMED_AXES)
    metadata: dict[str, Any] = {"axes": axes}
    if "C" in axes:
        metadata["mode"] = "grayscale"
    if calibration.z is not None:
        metadata["spacing"] = calibration.z
    if calibration.unit:
        metadata["unit"] = (
            calibration.unit.encode("ascii", "backslashreplace")
            .decode()
            .replace("\\xb5", "\\u00B5")
        )
    way: dict[str, Any] = {"data": planes, "imagej": True, "metadata": metadata}
    unit = {"inch": INCH, "cm": CM}.get(calibration.unit, NO_UNIT)
    return way | _per_unit(calibration, 1, unit)


def _ome(layout: Layout, calibration: Calibration) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": layout.axes}
    for axis in "xyz":
        size = getattr(calibration, axis)
        if size is not None:
            metadata[f"PhysicalSize{axis.upper()}"] = size
            metadata[f"PhysicalSize{axis.upper()}Unit"] = calibration.unit or "µm"
    return {"data": layout.planes, "ome": True, "metadata": metadata}


def _in_order(layout: Layout, order: str) -> Layout:
    """With the outer axes in another order, a view."""
    outer = layout.axes[: layout.axes.index("Y")]
    inner = layout.axes[len(outer) :]
    wanted = "".join(axis for axis in order if axis in outer)
    moved = [*map(outer.index, wanted), *range(len(outer), layout.planes.ndim)]
    return Layout(layout.planes.transpose(moved), wanted + inner)


def _resolution(calibration: Calibration) -> dict[str, Any]:
    """As tags tell it: pixels per centimetre, per inch, or per nothing that is known."""
    unit = calibration.unit.lower()
    if unit == "inch":
        return _per_unit(calibration, 1, INCH)
    factor = MICROMETERS.get(unit)
    if factor is None:
        return _per_unit(calibration, 1, NO_UNIT)
    return _per_unit(calibration, CENTIMETER / factor, CM)


def _per_unit(calibration: Calibration, scale: float, unit: int) -> dict[str, Any]:
    """The tags of so many pixels per unit; none where a fraction of 32 bits cannot hold it."""
    sizes = calibration.x, calibration.y
    x, y = (scale / size if size else 0.0 for size in sizes)
    if not all(LEAST <= value <= 1 / LEAST for value in (x, y)):
        return {}
    return {"resolution": (x, y), "resolutionunit": unit}
