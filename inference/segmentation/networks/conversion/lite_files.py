"""TensorFlow Lite by its own interpreter: what the graph is compared with.

Runs in the converting process only.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf

from ...errors import ModelError
from .sources import Run


def of_file(path: Path) -> tuple[Run, list[str]]:
    """What a file computes, and the names of its outputs, in their order.

    Raises:
        ModelError: its inputs or outputs are quantized.
    """
    interpreter = tf.lite.Interpreter(str(path))
    outputs = interpreter.get_output_details()
    for port in (*interpreter.get_input_details(), *outputs):
        if np.issubdtype(port["dtype"], np.integer) and port["quantization"][0]:
            raise ModelError(
                f"{path.name} has {port['name']} quantized, as {port['dtype'].__name__}; numbers "
                "of inputs and outputs are read as they are; convert it with float32 inputs and "
                "outputs (inference_input_type, inference_output_type)"
            )

    def run(images: np.ndarray) -> list[np.ndarray]:
        interpreter = tf.lite.Interpreter(str(path))
        [taken] = interpreter.get_input_details()
        interpreter.resize_tensor_input(taken["index"], images.shape)
        interpreter.allocate_tensors()
        if np.issubdtype(taken["dtype"], np.integer):
            images = np.rint(images)
        interpreter.set_tensor(taken["index"], images.astype(taken["dtype"]))
        interpreter.invoke()
        return [interpreter.get_tensor(output["index"]) for output in outputs]

    return run, [output["name"] for output in outputs]
