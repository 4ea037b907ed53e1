"""Weights without a model: the U-Net of ``unet.build``, its size inferred from them.

Both layouts of HDF5 are read: that of Keras 2, where each layer is a group named in an attribute,
and that of Keras 3, where ``layers/conv2d_1/vars/0`` counts layers by their kind. Layers are told
by the shapes of their weights, so that their names do not matter, only their order.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from ...errors import ModelError
from .. import unet

Layer = list[np.ndarray]


def load_unet(file: h5py.File):
    """Build the U-Net that an open file has the weights of.

    Raises:
        ModelError: they are those of another network.
    """
    import keras

    layers = list(_keras2_layers(file) if "layer_names" in file.attrs else _keras3_layers(file))
    convolutions = [layer for layer in layers if layer[0].ndim == 4]
    norms = [layer for layer in layers if layer[0].ndim == 1]
    filters, channels, classes = _infer(convolutions)
    model = unet.build(filters, (None, None, channels), classes)
    _assign(model, keras.layers.Conv2D, convolutions)
    _assign(model, keras.layers.BatchNormalization, norms)
    return model


def _infer(convolutions: list[Layer]) -> tuple[int, int, int]:
    """(filters, channels, classes), from the shapes (kh, kw, in, out) of the kernels."""
    shapes = [kernel.shape for kernel, *_ in convolutions]
    wide = [shape for shape in shapes if shape[:2] == (3, 3)]
    final = [shape for shape in shapes if shape[:2] == (1, 1)]
    filters = max((shape[3] for shape in wide), default=0) // unet.STRIDE
    # at the first level, all inputs are as wide as the level or twice that, but the image's
    inputs = Counter(shape[2] for shape in wide if shape[3] == filters)
    # (the head, always 2 wide, looks like that level where filters is 2)
    inputs.subtract({filters: 3 if filters == 2 else 2, 2 * filters: 2})
    rest = [channels for channels, count in inputs.items() if count > 0]
    if filters < 1 or len(final) != 1 or len(rest) != 1:
        raise ModelError(_not_a_unet(f"kernels of the shapes {shapes[:8]}…"))
    return filters, rest[0], final[0][3]


def _assign(model: Any, kind: Any, stored: list[Layer]) -> None:
    layers = [layer for layer in model.layers if isinstance(layer, kind)]
    if len(layers) != len(stored):
        raise ModelError(_not_a_unet(f"{len(stored)} layers like {kind.__name__}"))
    for layer, arrays in zip(layers, stored, strict=True):
        wanted = [tuple(weight.shape) for weight in layer.weights]
        if wanted != [array.shape for array in arrays]:
            came = f"{[array.shape for array in arrays]} where {layer.name} has {wanted}"
            raise ModelError(_not_a_unet(came))
        layer.set_weights(arrays)


def _not_a_unet(came: str) -> str:
    return (
        f"file holds weights alone, {came}; weights alone are read for the U-Net of "
        "segmentation/networks/unet.py; save the whole model with model.save()"
    )


def _keras2_layers(file: h5py.File) -> Iterator[Layer]:
    for name in map(_text, file.attrs["layer_names"]):
        arrays = [np.asarray(file[name][_text(key)]) for key in file[name].attrs["weight_names"]]
        if arrays:
            yield arrays


def _keras3_layers(file: h5py.File) -> Iterator[Layer]:
    group = file.get("layers", file.get("_layer_checkpoint_dependencies", {}))
    for name in sorted(group, key=_natural):
        variables = group[name].get("vars", {})
        arrays = [np.asarray(variables[key]) for key in sorted(variables, key=int)]
        if arrays:
            yield arrays


def _natural(name: str) -> tuple[str, int]:
    """conv2d < conv2d_1 < conv2d_2 < conv2d_10."""
    stem, number = re.fullmatch(r"(.*?)(?:_(\d+))?", name).groups()  # type: ignore[union-attr]
    return stem, int(number or 0)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
