"""The engine that runs graphs by OpenVINO, on CPUs. It knows nothing of TensorFlow.

A graph is compiled once, for images of any size: at 512×512 that costs 3 % of the time of one that
is compiled for this size alone, and each size of its own would cost the memory of its weights, and
a tenth of a second and more when it comes for the first time.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov

from .. import machine
from . import hardware
from .hardware import BFLOAT16, FLOAT32, INT8
from .network import Description, Source, in_batches

HAS_OWN_THREADS = True
CPU = "CPU"
# of int8, what is not quantized stays in float32
HINTS = {FLOAT32: "f32", BFLOAT16: "bf16", INT8: "f32"}
OUT_OF_MEMORY = ("bad_alloc", "allocate")


@dataclass(frozen=True)
class OpenVinoNetwork(Description):
    """A network; see ``network.Network``.

    Attributes:
        request: of the compiled graph; takes ``batch`` images.
    """

    request: Any

    def run(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, h, w, C) intensities -> float32 (N, h, w, K) probabilities, 0–1."""
        try:
            return in_batches(self._run, images, self.batch)
        except RuntimeError as exc:
            if any(sign in str(exc) for sign in OUT_OF_MEMORY):
                raise MemoryError(str(exc)) from exc
            raise

    def rest(self) -> None:
        """Give back the memory that runs took; the next one takes it again."""
        self.request.get_compiled_model().release_memory()
        machine.give_back_freed_memory()

    def _run(self, images: np.ndarray) -> np.ndarray:
        return self.request.infer([np.ascontiguousarray(images)])[0]


def takes(source: Source) -> bool:
    return source.graph is not None


def fastest_precision() -> str:
    return hardware.fastest_on_cpu()


def network(source: Source, precision: str, threads: int | None) -> OpenVinoNetwork:
    """Compile a graph.

    Raises:
        ValueError: this CPU, or OpenVINO, does not compute in that precision.
    """
    if precision not in HINTS:
        raise ValueError(f"OpenVINO computes in {' and '.join(HINTS)} here")
    graph = source.int8 if precision == INT8 else source.graph
    if graph is None:
        raise ValueError("it was not prepared so: scripts/models/prepare.py --int8 does it")
    options = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads or machine.available_cpus(),
        # workers would all be bound to the first CPUs, and leave the others idle
        "ENABLE_CPU_PINNING": False,
    }
    compiled = ov.Core().compile_model(graph, CPU, options)
    actual = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    if actual != HINTS[precision]:
        raise ValueError(f"this CPU has no instructions for {precision}")
    return OpenVinoNetwork(**source.description, request=compiled.create_infer_request())
