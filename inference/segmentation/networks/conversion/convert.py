"""From an artifact that was read to a checked graph."""

import logging
from dataclasses import dataclass, replace

import numpy as np
import openvino as ov

from ...errors import ModelError
from .. import probe
from ..network import EIGHT_BITS, ONE, Description, Ends, Geometry, round_up
from . import describe, ends, fusing, geometry, graphs, readers, upsampling

logger = logging.getLogger(__name__)

TOLERANCE = 1e-3  # of a picture's probabilities, for a graph in place of its source
TOLERANCE_OF_ROUNDED = 0.05  # the same, where the source computes in 16 bits, and the graph in 32
LEAST_SIDE = 128  # of a picture on which upsamplings are looked for, in pixels


@dataclass(frozen=True)
class Conversion:
    """What became of an artifact.

    Attributes:
        description: of its network.
        graph: from float32 (N, H, W, C) to float32 (N, H, W, K); None: there is none.
        unconverted: why there is none, or empty.
        notes: how it was made and checked, for the log.
        int8: a graph that computes nearly the same in int8; None: there is none.
    """

    description: Description
    graph: ov.Model | None
    unconverted: str
    notes: tuple[str, ...]
    int8: ov.Model | None = None


def convert(reading: readers.Reading, name: str) -> Conversion:
    """Make a graph of what was read, fuse its upsamplings, and check it.

    Args:
        reading: of the artifact.
        name: of the artifact.

    Raises:
        ModelError: it is no model from images to masks of their size, or fails.
    """
    describe.check_shapes(*reading.shapes, name)
    if reading.graph is None:
        return _unconverted(reading, name, reading.unread)
    plain = describe.with_our_axes(reading.graph, name)
    shape, result = (readers.shape_of(end) for end in (plain.input(0), plain.output(0)))
    told = ends.of_graph(plain)
    described = describe.of_shapes(shape, result, name, geometry.of_graph(plain), told)
    picture = _picture(described)
    try:
        exact = _tried(plain, picture, described)
    except ModelError as exc:
        if reading.source is None or not _fits(reading.source(picture), picture, described):
            raise
        return _unconverted(reading, name, f"its graph does not do what it does: {exc}")
    notes = []
    if reading.source is None:
        notes.append(f"its graph is not compared with its source: {reading.uncompared}")
    else:
        expected = reading.source(picture)
        _check_finite(expected, name)  # what graph and source make of NaN may differ
        tolerance = TOLERANCE_OF_ROUNDED if graphs.rounds(reading.graph) else TOLERANCE
        if not _same(exact, expected, tolerance):
            most = np.abs(exact - expected).max() if exact.shape == expected.shape else np.inf
            reason = f"its graph differs from it by {most:.2g} on a picture of cells"
            return _unconverted(reading, name, reason)
        notes.append(f"its graph gives what it gives for a picture of cells, to {tolerance}")
    graph, note = _fused(plain, described, picture, exact)
    return Conversion(described, graph, "", (*notes, note))


def _unconverted(reading: readers.Reading, name: str, reason: str) -> Conversion:
    """What TensorFlow alone can run."""
    if reading.source is None:
        raise ModelError(f"{name} cannot be run: {reason}; {describe.RULE}")
    [shape], [result] = reading.shapes
    described = describe.of_shapes(
        shape, result, name, Geometry(1), Ends(EIGHT_BITS if reading.whole else ONE)
    )
    stride = _tried_stride(reading.source, described)
    return Conversion(replace(described, geometry=Geometry(stride)), None, reason, ())


def _tried_stride(run: readers.Run, described: Description) -> int:
    """The smallest power of two whose multiples it takes, and gives back in that size."""
    if described.height and described.width:
        return 1  # a fixed size needs no rounding
    strides = [2**power for power in range(8)]
    for stride in strides:
        # three times: no multiple of the next stride
        size = (described.height or 3 * stride, described.width or 3 * stride)
        images = np.zeros((described.batch or 1, *size, described.channels), np.float32)
        try:
            if run(images).shape[1:3] == size:
                return stride
        except Exception:  # whatever it raises where its parts do not fit each other
            continue
    return strides[-1]


def _picture(described: Description) -> np.ndarray:
    free = round_up(probe.SIDE, described.geometry.stride)
    size = (described.height or free, described.width or free)
    one = np.rint(probe.picture(*size, described.channels) * EIGHT_BITS)  # as 8 bits hold it
    one *= np.float32(described.ends.largest / EIGHT_BITS)
    return np.repeat(one, described.batch or 1, axis=0)


def _tried(graph: ov.Model, picture: np.ndarray, described: Description) -> np.ndarray:
    size = f"{picture.shape[1]}×{picture.shape[2]}"
    try:
        values = graphs.run(graph, picture)
    except RuntimeError as exc:
        reason = readers.in_a_line(exc)
        raise ModelError(
            f"{described.name} fails on an image of {size}: {reason}; {describe.RULE}"
        ) from exc
    if values.shape != (*picture.shape[:3], described.classes):
        came = f"{described.name} gives {values.shape} for an image of {size}"
        raise ModelError(f"{came}; a mask has the image's size; {describe.RULE}")
    _check_finite(values, described.name)
    return values


def _check_finite(values: np.ndarray, name: str) -> None:
    if not np.isfinite(values).all():
        raise ModelError(f"{name} gives NaN or infinity for a picture of cells; train it again")


def _fits(values: np.ndarray, picture: np.ndarray, described: Description) -> bool:
    shape = (*picture.shape[:3], described.classes)
    return values.shape == shape and bool(np.isfinite(values).all())


def _fused(
    plain: ov.Model, described: Description, picture: np.ndarray, exact: np.ndarray
) -> tuple[ov.Model, str]:
    """The graph with fused upsamplings, if it gives the same; and a sentence about it."""
    fused = plain.clone()
    try:
        upsampling.rewrite(fused, _shape_to_look_at(described))
        count = fusing.fuse(fused)
        if not count:
            return plain, "it has no upsampling that could be fused"
        values = graphs.run(fused, picture)
    except Exception as exc:  # whatever OpenVINO raises; the graph works as it is
        return plain, f"its upsamplings stay as they are: {readers.in_a_line(exc)}"
    if not _same(values, exact):
        return plain, "its upsamplings stay as they are: fused, they give something else"
    return fused, f"{count} convolutions are fused with the upsampling before them"


def _shape_to_look_at(described: Description) -> tuple[int, int, int, int]:
    """Not square, so that no axis is taken for the other one."""
    stride = described.geometry.stride
    rows = round_up(LEAST_SIDE, 2 * stride)
    height, width = described.height or rows, described.width or rows + stride
    return described.batch or 1, height, width, described.channels


def _same(values: np.ndarray, expected: np.ndarray, tolerance: float = TOLERANCE) -> bool:
    if values.shape != expected.shape:
        return False
    return np.allclose(values, expected, rtol=tolerance, atol=tolerance)
