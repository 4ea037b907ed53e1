"""ONNX by ONNX Runtime, with which PyTorch verifies its exports: what the graph is compared with.

Runs in the converting process only.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as errors

from ... import machine
from ...errors import ModelError
from .sources import NotHere, Run, in_a_line

QUIET = 4  # of onnxruntime's levels of logging: what ends it
# the elements of tensors, by what ONNX Runtime calls them: https://onnx.ai/onnx/intro/concepts.html
TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(uint16)": np.uint16,
    "tensor(int16)": np.int16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}


def of_file(path: Path) -> Run:
    """What a file computes. It may raise NotHere, and ModelError where the file is wrong."""

    def run(images: np.ndarray) -> list[np.ndarray]:
        session = _session(path)
        taken = session.get_inputs()[0]
        if taken.type not in TYPES:
            raise NotHere(f"ONNX Runtime is given no {taken.type} here")
        wanted = np.dtype(TYPES[taken.type])
        if wanted.kind in "iu":
            images = np.rint(images)
        try:
            given = session.run(None, {taken.name: images.astype(wanted)})
        except errors.NotImplemented as exc:
            raise NotHere(in_a_line(exc)) from exc
        except errors.InvalidArgument as exc:
            raise ModelError(
                f"{path.name} fails on an image of the shape {images.shape}, as it says that it "
                f"takes: {in_a_line(exc)}; if it works for the size that it was exported with "
                "alone, export it for that size"
            ) from exc
        return [_in_float32(values) for values in given]

    return run


def _session(path: Path) -> Any:
    """It computes each operation as it stands there, none merged with another."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = machine.available_cpus()
    options.enable_cpu_mem_arena = False  # what is free is for others at once
    options.log_severity_level = QUIET
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except MemoryError:
        raise
    except Exception as exc:  # it knows fewer operations, or reads more strictly
        raise NotHere(f"ONNX Runtime cannot load it: {in_a_line(exc)}") from exc


def _in_float32(values: np.ndarray) -> np.ndarray:
    """Unless they are whole numbers."""
    return values.astype(np.float32) if values.dtype.kind == "f" else values
