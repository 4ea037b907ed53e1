"""TensorFlow Lite by its own interpreter: what the graph is compared with.

Inputs and outputs may be quantized: a whole number q of 8 or 16 bits then stands for the number
scale · (q - zero point), https://ai.google.dev/edge/litert/models/quantization_spec. What is given
and taken here, and in the graph, are the numbers that these stand for.

Runs in the converting process only.
"""

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import tensorflow as tf

from ...errors import ModelError
from . import quantized
from .ports import in_order
from .sources import Run


def of_file(path: Path, graph: ov.Model) -> tuple[Run, ov.Model]:
    """What a file computes; and its graph with the same numbers at both ends, in the same order.

    Args:
        graph: of the file, as OpenVINO reads it.

    Raises:
        ModelError: an end is quantized, and its graph does not say how.
    """
    interpreter = tf.lite.Interpreter(str(path))
    taken, given = interpreter.get_input_details(), interpreter.get_output_details()
    graph = in_order(graph, [port["name"] for port in given])
    done = all(
        quantized.take_numbers(parameter)
        for parameter, port in zip(graph.get_parameters(), taken, strict=True)
        if _is_quantized(port)
    ) and all(
        quantized.give_numbers(output)
        for output, port in zip(graph.outputs, given, strict=True)
        if _is_quantized(port)
    )
    if not done:
        raise ModelError(
            f"{path.name} has quantized inputs or outputs, and OpenVINO does not tell of what "
            "numbers; convert it with float32 inputs and outputs (inference_input_type, "
            "inference_output_type)"
        )
    graph.validate_nodes_and_infer_types()

    def run(images: np.ndarray) -> list[np.ndarray]:
        interpreter = tf.lite.Interpreter(str(path))
        [port] = interpreter.get_input_details()
        interpreter.resize_tensor_input(port["index"], images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(port["index"], _stored(images, port))
        interpreter.invoke()
        return [_numbers(interpreter.get_tensor(port["index"]), port) for port in given]

    return run, graph


def _is_quantized(port: dict[str, Any]) -> bool:
    scale, _ = port["quantization"]
    return bool(np.issubdtype(port["dtype"], np.integer) and scale)


def _stored(images: np.ndarray, port: dict[str, Any]) -> np.ndarray:
    """Images as they stand in an input."""
    if not np.issubdtype(port["dtype"], np.integer):
        return images.astype(port["dtype"])
    if _is_quantized(port):
        scale, zero = port["quantization"]
        limits = np.iinfo(port["dtype"])
        images = np.clip(images / scale + zero, limits.min, limits.max)
    return np.rint(images).astype(port["dtype"])


def _numbers(values: np.ndarray, port: dict[str, Any]) -> np.ndarray:
    """The numbers that those in an output stand for."""
    if not _is_quantized(port):
        return values
    scale, zero = port["quantization"]
    return (values.astype(np.float32) - zero) * np.float32(scale)
