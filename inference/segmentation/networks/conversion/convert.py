"""From an artifact that was read to a checked graph."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import openvino as ov

from ...errors import ModelError
from ...spec_entries import Ports
from ..activations import SIGMOID, SOFTMAX
from ..form import Form
from ..network import ONE, UNTOLD, Description, Ends, round_up
from . import (
    any_scale,
    any_size,
    comparing,
    describe,
    ends,
    forms,
    fusing,
    geometry,
    graphs,
    normalisation,
    quantized,
    readers,
    sources,
    trained_on,
    unconverted,
    upsampling,
)

logger = logging.getLogger(__name__)

LEAST_SIDE = 128  # of a picture on which upsamplings are looked for, in pixels


@dataclass(frozen=True)
class Conversion:
    """What became of an artifact.

    Attributes:
        description: of its network.
        form: of the artifact itself, for what runs it as it is.
        graph: from float32 (N, H, W, C) to float32 (N, H, W, K); None: there is none.
        unconverted: why there is none, or empty.
        notes: how it was made and checked, for the log.
        assumed: what the artifact does not tell, and was taken for granted, for the log.
        int8: a graph that computes nearly the same in int8; None: there is none.
        int8_for: the preprocessing of the images that it was calibrated on.
    """

    description: Description
    form: Form
    graph: ov.Model | None
    unconverted: str
    notes: tuple[str, ...]
    assumed: tuple[str, ...] = ()
    int8: ov.Model | None = None
    int8_for: str = ""


def convert(reading: readers.Reading, name: str, ports: Ports | None = None) -> Conversion:
    """Make a graph of what was read, fuse its upsamplings, and check it.

    Args:
        reading: of the artifact.
        name: of the artifact.
        ports: what its spec says of its input and its outputs.

    Raises:
        ModelError: it is no model from images to what has probabilities of their pixels, or fails.
    """
    ports = ports or Ports()
    if reading.graph is None:
        return _unconverted(reading, name, ports, reading.unread)
    form, assumed = _form(reading, ports, name)
    plain = describe.with_our_axes(reading.graph, form, name)
    described = describe.of_graph(plain, name, geometry.of_graph(plain), _ends(plain, reading))
    [picture] = any_size.pictures(described)
    try:
        exact = _tried(plain, picture, described)
    except ModelError as exc:
        if reading.source is None or not _fits(reading.source, form, picture, described):
            raise
        reason = f"its graph does not do what it does: {exc}"
        return _as_it_is(reading, described, form, reason, assumed)
    described = _with_scale(described, plain, picture, exact)
    notes = []
    expected, uncompared = _expected(reading, form, picture, name)
    if expected is None:
        notes.append(f"its graph is not compared with its source: {uncompared}")
    else:
        _check_finite(expected, name)  # what graph and source make of NaN may differ
        allowed = comparing.allowed(reading, form, described.ends)
        if not comparing.same(exact, expected, *allowed):
            most = np.abs(exact - expected).max() if exact.shape == expected.shape else np.inf
            reason = f"its graph differs from it by {most:.2g} on a picture of cells"
            return _as_it_is(reading, described, form, reason, assumed)
        apart = np.abs(exact - expected)
        notes.append(
            f"its graph gives what it gives for a picture of cells, but for {apart.max():.2g} at "
            f"most, {apart.mean():.2g} in the mean"
        )
        described = any_size.told(
            described,
            plain,
            lambda odd: unconverted.run(reading.source, form, odd),
            lambda one, other: comparing.same(one, other, *allowed),
        )
    graph, note = _fused(plain, described, exact)
    return Conversion(described, form, graph, "", (*notes, note), tuple(assumed))


def _form(reading: readers.Reading, ports: Ports, name: str) -> tuple[Form, list[str]]:
    """Of what OpenVINO could read; and what was assumed."""
    graph = reading.graph
    assert graph, "there is one"
    trial = partial(graphs.output_shapes, graph)
    form, assumed = forms.find(
        reading.inputs,
        reading.outputs,
        trial,
        ports,
        name,
        lambda index: ends.activation(graph.output(index)) in (SIGMOID, SOFTMAX),
    )
    if form.border and geometry.resizes(graph, reading.inputs[0].shape):
        raise ModelError(
            f"{name} gives images that are smaller by the same number of rows and columns, and "
            "changes their size within, so that they lack no border; let it give images of the "
            "size that it takes, or bring another in code/inference.py"
        )
    output = graph.output(form.output)
    form = replace(form, labels=ends.labels(output) is not None)
    activation = ends.activation(output)
    if form.factor > 1 and activation in (SIGMOID, SOFTMAX):
        form = replace(form, activation=activation)
    return form, assumed


def _ends(plain: ov.Model, reading: readers.Reading) -> Ends:
    found = quantized.told(plain, ends.of_graph(plain), reading.asymmetric)
    if found.largest == UNTOLD or found.quantized:
        return found
    first = normalisation.first(plain, reading.vectors)
    respond = normalisation.respond(plain, first) if first else None
    if not first or not respond:
        return found
    channels = plain.input(0).get_partial_shape()[3].get_length()
    try:
        seen = trained_on.judge(respond, channels, first.remembered, found.largest)
    except RuntimeError as exc:  # its layers do not take images of the size of the textures
        logger.info("what it was trained on is not told: %s", sources.in_a_line(exc))
        return found
    return replace(found, seen=seen)


def _with_scale(
    described: Description, plain: ov.Model, picture: np.ndarray, exact: np.ndarray
) -> Description:
    """With ``any_scale``, where nothing tells the scale of images, and it does not matter."""
    known = described.ends
    if known.largest != ONE or known.seen or known.quantized:
        return described
    free = any_scale.takes(plain, picture, exact, comparing.at_any_scale(known))
    return replace(described, ends=replace(known, any_scale=free))


def _as_it_is(
    reading: readers.Reading,
    described: Description,
    form: Form,
    reason: str,
    assumed: Sequence[str],
) -> Conversion:
    """What TensorFlow alone can run, whose graph tells what it means nevertheless."""
    tried = unconverted.describe(reading, form, described.name)
    described = replace(tried, ends=described.ends)
    return Conversion(described, form, None, reason, (), tuple(assumed))


def _unconverted(reading: readers.Reading, name: str, ports: Ports, reason: str) -> Conversion:
    """What TensorFlow alone can run."""
    form, assumed = unconverted.form_of(replace(reading, unread=reason), ports, name)
    described = unconverted.describe(reading, form, name)
    return Conversion(described, form, None, reason, (), tuple(assumed))


def _tried(graph: ov.Model, picture: np.ndarray, described: Description) -> np.ndarray:
    size = f"{picture.shape[1]}×{picture.shape[2]}"
    try:
        values = graphs.run(graph, picture)
    except RuntimeError as exc:
        reason = sources.in_a_line(exc)
        raise ModelError(
            f"{described.name} fails on an image of {size}: {reason}; {forms.RULE}"
        ) from exc
    if values.shape != (*picture.shape[:3], described.classes):
        came = f"{described.name} gives {values.shape} for an image of {size}"
        raise ModelError(f"{came}; a mask has the image's size; {forms.RULE}")
    _check_finite(values, described.name)
    return values


def _check_finite(values: np.ndarray, name: str) -> None:
    if not np.isfinite(values).all():
        raise ModelError(f"{name} gives NaN or infinity for a picture of cells; train it again")


def _expected(
    reading: readers.Reading, form: Form, picture: np.ndarray, name: str
) -> tuple[np.ndarray | None, str]:
    """What the artifact's maker gives for a picture; None, and why, where nothing here tells.

    Raises:
        ModelError: nothing does, and it would have to be compared.
    """
    why = reading.uncompared
    try:
        if reading.source is not None:
            return unconverted.run(reading.source, form, picture), ""
    except sources.NotHere as exc:
        why = str(exc)
    if reading.doubtful:
        raise ModelError(
            f"{name} has a {reading.doubtful}, which OpenVINO may read along another axis than it "
            f"was trained with, and nothing here can compare them: {why}; save the network without "
            "it, or with a softmax"
        )
    return None, why


def _fits(source: sources.Run, form: Form, picture: np.ndarray, described: Description) -> bool:
    """Whether what made the artifact gives for it what it should."""
    try:
        values = unconverted.run(source, form, picture)
    except sources.NotHere:
        return False
    shape = (*picture.shape[:3], described.classes)
    return values.shape == shape and bool(np.isfinite(values).all())


def _fused(plain: ov.Model, described: Description, exact: np.ndarray) -> tuple[ov.Model, str]:
    """The graph with fused upsamplings, if it gives the same; and a sentence about it.

    Args:
        exact: what the graph gives for the first of the pictures.
    """
    fused = plain.clone()
    try:
        upsampling.rewrite(fused, _shape_to_look_at(described))
        count = fusing.fuse(fused)
        if not count:
            return plain, "it has no upsampling that could be fused"
        picture, *others = any_size.pictures(described)
        same = comparing.same(graphs.run(fused, picture), exact) and all(
            comparing.same(graphs.run(fused, other), graphs.run(plain, other)) for other in others
        )
    except Exception as exc:  # whatever OpenVINO raises; the graph works as it is
        return plain, f"its upsamplings stay as they are: {sources.in_a_line(exc)}"
    if not same:
        return plain, "its upsamplings stay as they are: fused, they give something else"
    return fused, f"{count} convolutions are fused with the upsampling before them"


def _shape_to_look_at(described: Description) -> tuple[int, int, int, int]:
    """Not square, so that no axis is taken for the other one."""
    stride = described.geometry.stride
    rows = round_up(LEAST_SIDE, 2 * stride)
    height, width = described.height or rows, described.width or rows + stride
    return described.batch or 1, height, width, described.channels
