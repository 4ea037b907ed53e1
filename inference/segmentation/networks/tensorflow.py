"""The engine that runs Keras models and SavedModels by TensorFlow: on GPUs, and those that OpenVINO
cannot run.

Precisions of 16 bits come from TensorFlow's own switches, which leave to it what is rounded:
https://www.tensorflow.org/api_docs/python/tf/config/optimizer/set_experimental_options
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from . import hardware
from .form import Form
from .hardware import BFLOAT16, FLOAT16, FLOAT32
from .network import EIGHT_BITS, ONE, SIXTEEN_BITS, Description, Source, in_batches

HAS_OWN_THREADS = False
SWITCHES = {
    FLOAT32: "",
    BFLOAT16: "auto_mixed_precision_onednn_bfloat16",  # of CPUs
    FLOAT16: "auto_mixed_precision",  # of GPUs
}
TENSOR_CORES = (7, 0)  # the compute capability of GPUs from which on they have them


@dataclass(frozen=True)
class TensorFlowNetwork(Description):
    """A network; see ``network.Network``.

    Attributes:
        function: from and to tensors, as the model has them.
        form: of the model.
        precision: that it is called in.
    """

    function: Callable[[Any], Any]
    form: Form
    precision: str = FLOAT32

    def run(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, h, w, C) intensities -> float32 (N, h, w, K) probabilities, 0–1."""
        try:
            return in_batches(self._run, images, self.batch)
        except tf.errors.ResourceExhaustedError as exc:
            raise MemoryError(str(exc)) from exc

    def rest(self) -> None:
        """TensorFlow keeps its memory."""

    def _run(self, images: np.ndarray) -> np.ndarray:
        compute_in(self.precision)
        return self.form.run(lambda own: self.function(tf.convert_to_tensor(own)).numpy(), images)


def compute_in(precision: str) -> None:
    """Have TensorFlow compute in that precision from now on: it looks at these in each call."""
    for switch in filter(None, SWITCHES.values()):
        is_on = SWITCHES[precision] == switch
        tf.config.optimizer.set_experimental_options({switch: is_on})


def takes(source: Source) -> bool:
    return source.load is not None


def fastest_precision() -> str:
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return hardware.fastest_on_cpu()
    details = tf.config.experimental.get_device_details(gpus[0])
    return FLOAT16 if details.get("compute_capability", (0, 0)) >= TENSOR_CORES else FLOAT32


def white_of(model: Any) -> int:
    """The intensity of white that the type of an input tells, of a Keras model or of what is called
    like one: 255 or 65535 for whole numbers, else 1.
    """
    types = {tf.as_dtype(taken.dtype) for taken in getattr(model, "inputs", None) or []}
    if not any(kind.is_integer for kind in types):
        return ONE
    return SIXTEEN_BITS if tf.uint16 in types else EIGHT_BITS


def network(source: Source, precision: str, threads: int | None) -> TensorFlowNetwork:
    """Load an artifact, and trace it once for all sizes.

    The threads are those of the whole process, which the environment sets.

    Raises:
        ValueError: this machine does not compute in that precision.
        ModelError: TensorFlow must not run it.
    """
    assert source.load, "as takes says"
    if precision not in SWITCHES:
        raise ValueError(f"TensorFlow computes in {', '.join(SWITCHES)} here")
    _share_gpu()
    on_cpu = not tf.config.list_physical_devices("GPU")
    if precision == FLOAT16 and on_cpu:
        raise ValueError("float16 is for GPUs")
    if precision == BFLOAT16 and not (on_cpu and hardware.fastest_on_cpu() == BFLOAT16):
        raise ValueError("there is no CPU with instructions for bfloat16")
    model, form = source.load(), source.form or Form()
    shape = form.shape(source.batch, source.height, source.width, source.channels)

    def output(images: Any) -> Any:
        given = tf.nest.flatten(model(_as_taken(images, model), training=False))
        return tf.cast(given[form.output], tf.float32)

    traced = tf.function(output, input_signature=[tf.TensorSpec(shape, tf.float32)])
    return TensorFlowNetwork(**source.description, function=traced, form=form, precision=precision)


def _as_taken(images: Any, model: Any) -> Any:
    """Images, float32, in the type of a model's input."""
    if white_of(model) != ONE:
        return tf.cast(tf.round(images), model.inputs[0].dtype)
    return images


def _share_gpu() -> None:
    """TensorFlow would take the whole memory of the GPU, and leave nothing for other workers."""
    with contextlib.suppress(RuntimeError):  # already in use
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
