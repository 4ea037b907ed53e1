"""Copies of networks that compute the same, faster.

**Layers are merged**, where one alone reads what another one gives: see ``merged_layers``.

**A 16-bit type between the two ends.** Rounding is seen at the ends of a network: bfloat16 has 8
significant bits, as many as the image, and a probability is compared with a threshold. All up to
the first convolution, and the last one with what follows it, therefore stay as they are; they cost
little, and the rest hardly shows. Policies of layers: https://keras.io/api/mixed_precision/policy/
"""

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from .hardware import FLOAT32
from .merged_layers import Shift, UpsampledConv2D, is_linear, scale_and_shift


def merged(network: Any, dtype: str) -> Any:
    """A faster copy of a Keras model; in float32 it shares the layers that stay as they are.

    Args:
        network: the model.
        dtype: what its float32 layers between its first and last convolution compute in; their
            weights are kept in that type, too.

    Raises:
        ValueError: the model does not consist of layers that Keras can copy.
    """
    try:
        copier = _Copier(network, dtype)
        with _not_compiled(network):  # the copy is not trained, and needs no optimizer
            result = keras.models.clone_model(network, clone_function=copier.copy, recursive=True)
        copier.set_weights()
    except Exception as exc:  # layers may refuse in any way to be built from their configuration
        raise ValueError(f"its layers cannot be copied: {exc}") from exc
    return result


class _Copier:
    """What becomes of each layer of a model."""

    def __init__(self, network: Any, dtype: str):
        self._dtype = dtype
        self._inner = _between_the_ends(network)
        # what merging brings on a GPU has not been measured
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        pairs = [] if on_gpu else list(_pairs(network))
        upsampled = [(a, b) for a, b in pairs if _doubles_pixels(a) and _is_plain(b)]
        normalized = [(a, b) for a, b in pairs if _can_take_in(a, b)]
        # by the ids of layers:
        self._upsamplings = {id(a) for a, _ in upsampled}
        self._upsampled = {id(b) for _, b in upsampled}
        self._norm_after = {id(a): b for a, b in normalized}
        self._convolution_before = {id(b): a for a, b in normalized}
        self._weights: list[tuple[Any, list[np.ndarray]]] = []

    def copy(self, layer: Any) -> Any:
        if not isinstance(layer, layers.Layer):
            return layer  # an operation such as `+`, which has no type and no weights
        dtype = layer.dtype_policy
        if id(layer) in self._inner and layer.compute_dtype == FLOAT32:
            dtype = self._dtype
        if id(layer) in self._upsamplings:
            return layers.Identity(name=layer.name, dtype=dtype)
        if id(layer) in self._convolution_before:
            linear = is_linear(self._convolution_before[id(layer)])
            return Shift(None if linear else scale_and_shift(layer)[1], layer.name, dtype)
        norm = self._norm_after.get(id(layer))
        if id(layer) in self._upsampled:
            return UpsampledConv2D(layer, *_kernel_and_bias(layer, norm), dtype)
        if norm:
            weights = _kernel_and_bias(layer, norm)
            return self._copy_from(layer, weights, dtype=dtype, use_bias=True)
        if self._dtype == FLOAT32:
            return layer  # in both models
        return self._copy_from(layer, layer.get_weights(), dtype=dtype)

    def _copy_from(self, layer: Any, weights: Any, **changes: Any) -> Any:
        config = layer.get_config() | changes
        # weights are replaced, and not every initializer knows every type
        zeros = {name: "zeros" for name in config if name.endswith("_initializer")}
        new = type(layer).from_config(config | zeros)
        self._weights.append((new, weights))  # it has none before it is called
        return new

    def set_weights(self) -> None:
        """Give the copies their weights."""
        for layer, values in self._weights:
            for weight, value in zip(layer.weights, values, strict=True):
                weight.assign(value)
            if isinstance(layer, layers.Normalization):
                layer.finalize_state()  # it computes with what it derives from its weights


def _kernel_and_bias(
    layer: layers.Conv2D, norm: layers.BatchNormalization | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Of a convolution; with the normalisation after it taken in, if there is one."""
    kernel = layer.kernel.numpy().astype(np.float32)
    bias = layer.bias.numpy().astype(np.float32) if layer.use_bias else None
    if norm is None:
        return kernel, bias
    scale, shift = scale_and_shift(norm)
    bias = np.zeros_like(shift) if bias is None else bias * scale
    return kernel * scale, bias + shift if is_linear(layer) else bias


def _between_the_ends(network: Any) -> set[int]:
    """The layers after the first that has a kernel, and before the last one: their ids."""
    ordered = list(_layers(network))
    kernels = [i for i, layer in enumerate(ordered) if any(w.ndim > 1 for w in layer.weights)]
    return {id(layer) for layer in ordered[kernels[0] + 1 : kernels[-1]]} if kernels else set()


def _layers(network: Any) -> Iterator[Any]:
    """The layers from the input to the output, with those of models within the model."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _pairs(network: Any) -> Iterator[tuple[Any, Any]]:
    """Layers, each with the one that alone reads what it gives; both are called once."""
    graphs = list(_graphs(network))
    nodes = [node for graph in graphs for level in graph._nodes_by_depth.values() for node in level]
    made_by = {id(tensor): node.operation for node in nodes for tensor in node.outputs}
    calls = Counter(id(node.operation) for node in nodes)
    readers = Counter(id(tensor) for node in nodes for tensor in node.input_tensors)
    readers.update(id(tensor) for graph in graphs for tensor in graph.outputs)
    for node in nodes:
        if len(node.input_tensors) == 1:
            [source] = map(id, node.input_tensors)
            before, after = made_by[source], node.operation
            if calls[id(before)] == calls[id(after)] == readers[source] == 1:
                yield before, after


def _graphs(network: Any) -> Iterator[Any]:
    """What the model consists of, and those within it."""
    for model in _models(network):
        yield getattr(model, "_functional", model)  # what a Sequential model consists of


def _models(network: Any) -> Iterator[Any]:
    """The model, and those within it."""
    yield network
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _models(layer)


@contextlib.contextmanager
def _not_compiled(network: Any) -> Iterator[None]:
    compiled = [model for model in _models(network) if model.compiled]
    try:
        for model in compiled:
            model.compiled = False
        yield
    finally:
        for model in compiled:
            model.compiled = True


def _is_plain(layer: Any) -> bool:
    return (
        type(layer) is layers.Conv2D
        and layer.padding == "same"
        and layer.data_format == "channels_last"
        and (*layer.strides, *layer.dilation_rate, layer.groups) == (1, 1, 1, 1, 1)
        and min(layer.kernel_size) > 1
        and not isinstance(layer.activation, layers.Layer)  # it may look at more than one pixel
    )


def _doubles_pixels(layer: Any) -> bool:
    return (
        type(layer) is layers.UpSampling2D
        and tuple(layer.size) == (2, 2)
        and layer.interpolation == "nearest"
        and layer.data_format == "channels_last"
    )


def _can_take_in(layer: Any, norm: Any) -> bool:
    """Whether a normalisation, or its scale at least, can become part of the layer before it."""
    if type(layer) is not layers.Conv2D or type(norm) is not layers.BatchNormalization:
        return False
    if layer.data_format != "channels_last" or norm.axis not in (-1, 3):
        return False
    if is_linear(layer):
        return True
    scale, _ = scale_and_shift(norm)
    return layer.activation is keras.activations.relu and bool((scale > 0).all())
