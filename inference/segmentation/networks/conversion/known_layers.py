"""Layers of other libraries that are so common, and so simple, that they are known here.

An artifact names them, but does not hold their code. Each is written here after its published
description, for Keras 2, as these libraries are.
"""

from typing import Any

# names in artifacts, and the first part of the module that they come from
KNOWN = {
    "GELU": "keras_unet_collection",  # https://github.com/yingkaisha/keras-unet-collection
    "FixedDropout": "efficientnet",  # https://github.com/qubvel/efficientnet
}


def is_known(kind: Any, module: str) -> bool:
    """Whether a layer of this name and module is one of them."""
    return isinstance(kind, str) and KNOWN.get(kind) == module.split(".")[0]


def classes() -> dict[str, type]:
    """The layers by their names, for Keras 2 to build."""
    import tensorflow as tf
    from tf_keras import layers

    class Gelu(layers.Layer):
        """x·Φ(x), by its approximation with tanh (https://arxiv.org/abs/1606.08415)."""

        def call(self, inputs: Any) -> Any:
            return tf.nn.gelu(inputs, approximate=True)

    class FixedDropout(layers.Dropout):
        """Dropout of whole channels, which does nothing once a network is trained."""

    return {"GELU": Gelu, "FixedDropout": FixedDropout}
