"""The inputs and outputs of models: their names and shapes, whoever reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import openvino as ov


@dataclass(frozen=True)
class Port:
    """An input or an output of a model.

    Attributes:
        name: as whoever made it knows it.
        shape: None for a free length; () for any number of axes.
    """

    name: str
    shape: tuple[int | None, ...]


def graph_ports(graph: ov.Model) -> tuple[list[Port], list[Port]]:
    inputs, outputs = (
        [Port(_name_of(port), shape_of(port)) for port in ports]
        for ports in (graph.inputs, graph.outputs)
    )
    return inputs, outputs


def _name_of(port: Any) -> str:
    names = port.get_names()
    return min(names) if names else port.get_node().get_friendly_name()


def shape_of(output: Any) -> tuple[int | None, ...]:
    """The shape of an input or output of a graph; None for a free length, () for any rank."""
    shape = output.get_partial_shape()
    if shape.rank.is_dynamic:
        return ()
    return tuple(dim.get_length() if dim.is_static else None for dim in shape)


def tensor_shape(tensor: Any) -> tuple[int | None, ...]:
    """Of TensorFlow; () for any number of axes."""
    return () if tensor.shape.rank is None else tuple(tensor.shape)


def in_order(graph: ov.Model, names: Sequence[str]) -> ov.Model:
    """A graph with its outputs in the order of these names, if these are theirs."""
    found = {name: output for output in graph.outputs for name in output.get_names()}
    if len(graph.outputs) < 2 or any(name not in found for name in names):
        return graph
    results = [found[name].get_node() for name in names]
    return ov.Model(results, graph.get_parameters())
