"""Networks made for a test, and what conversion makes of them."""

from collections import Counter
from pathlib import Path

import keras
import tensorflow as tf

from segmentation.networks.conversion import convert, readers
from segmentation.networks.network import Source


def straight(*chain: keras.layers.Layer, size=(None, None), channels: int = 1) -> keras.Model:
    """Layers in a row, in a functional model."""
    x = image = keras.Input((*size, channels))
    for layer in chain:
        x = layer(x)
    return keras.Model(image, x)


def of_module(module: tf.Module, folder: Path) -> Source:
    """The source of a module of TensorFlow, saved to a folder; converted in this process."""
    tf.saved_model.save(module, str(folder), signatures=module.__call__)
    conversion = convert.convert(readers.read(folder, folder), "module")
    return Source(
        **vars(conversion.description),
        form=conversion.form,
        graph=conversion.graph,
        unconverted=conversion.unconverted,
    )


def kinds(source: Source) -> Counter[str]:
    """How often each operation is in the graph of a source."""
    return Counter(node.get_type_name() for node in source.graph.get_ops())
