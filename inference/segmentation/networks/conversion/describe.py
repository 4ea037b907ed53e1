"""A graph as engines want it, and what it takes and gives in the words of ``Network``."""

import openvino as ov

from ...errors import ModelError
from ..form import Form
from ..network import Description, Ends, Geometry
from . import forms, graphs
from .readers import shape_of
from .simplify import simplify


def with_our_axes(model: ov.Model, form: Form, name: str) -> ov.Model:
    """A graph from float32 (N, H, W, C) to float32 (N, H, W, K).

    Args:
        model: with one input.
        form: of it.
        name: of the artifact.
    """
    changed = forms.applied(model, form, shape_of(model.input(0)))
    changed.set_friendly_name(name)
    graphs.name_uniquely(changed)
    graphs.folded(changed)
    simplify(changed)
    return changed


def of_graph(graph: ov.Model, name: str, geometry: Geometry, ends: Ends) -> Description:
    """Describe a graph from (N, H, W, C) to (N, H, W, K).

    Raises:
        ModelError: it is none, or C or K are free.
    """
    shapes = [shape_of(port) for port in (*graph.inputs, *graph.outputs)]
    if (len(graph.inputs), len(graph.outputs)) != (1, 1) or {len(s) for s in shapes} != {4}:
        raise ModelError(f"{name} is no graph from (N, H, W, C) to (N, H, W, K): {shapes}")
    (batch, height, width, channels), (*_, classes) = shapes
    if channels is None or classes is None:
        came = f"{name} takes {channels or 'any number of'} channels and gives {classes or 'any'}"
        raise ModelError(f"{came}; {forms.RULE}, and these numbers are fixed")
    return Description(name, channels, height, width, classes, batch, geometry, ends)
