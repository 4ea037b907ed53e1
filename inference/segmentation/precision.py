"""Which precision to compute in: 16 bits where that is faster and the masks stay the same."""

from pathlib import Path

import numpy as np

AUTO, FLOAT32, BFLOAT16, FLOAT16 = "auto", "float32", "bfloat16", "float16"
CPU_FLAGS = {"avx512_bf16", "amx_bf16"}
TENSOR_CORES = (7, 0)  # the compute capability of GPUs from which on they have them
AGREEMENT = 0.999  # of the probe image's pixels
PROBE_SIDE = 256
CPUINFO = Path("/proc/cpuinfo")


def fastest(cpuinfo: Path = CPUINFO) -> str:
    """The type that this machine computes fastest in: float32, bfloat16, or float16 on a GPU."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        return FLOAT16 if details.get("compute_capability", (0, 0)) >= TENSOR_CORES else FLOAT32
    for line in cpuinfo.read_text().splitlines():
        if line.startswith("flags"):
            return BFLOAT16 if CPU_FLAGS & set(line.split()) else FLOAT32
    return FLOAT32


def agreement(one: np.ndarray, other: np.ndarray, threshold: float) -> float:
    """The share of pixels on which two networks give the same mask.

    Args:
        one, other: (N, H, W, K) probabilities.
        threshold: of the mask where K is 1.
    """
    return float(np.mean(_mask(one, threshold) == _mask(other, threshold)))


def _mask(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    if probabilities.shape[-1] > 1:
        return probabilities.argmax(axis=-1)
    return probabilities > threshold


def probe(height: int, width: int, channels: int) -> np.ndarray:
    """A picture of cells: random points' nearest neighbourhoods, dark borders, noise.

    It is drawn up to PROBE_SIDE, and mirrored beyond: the time grows with the square of its pixels.

    Returns:
        float32 (1, height, width, channels) in 0–1, always the same.
    """
    wanted, height, width = (height, width), min(height, PROBE_SIDE), min(width, PROBE_SIDE)
    rng = np.random.default_rng(0)
    points = rng.random((max(2, height * width // 1500), 2)) * (height, width)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    nearest = np.full((2, height, width), np.inf, np.float32)
    for row, column in points:
        distance = np.hypot(rows - row, columns - column)
        nearest[1] = np.minimum(nearest[1], np.maximum(nearest[0], distance))
        nearest[0] = np.minimum(nearest[0], distance)
    border = np.clip((nearest[1] - nearest[0]) / 6, 0, 1)  # 0 on a border, 1 inside
    image = 0.25 + 0.4 * border + rng.normal(0, 0.1, (height, width))
    clipped = np.clip(image, 0, 1).astype(np.float32)
    more = ((0, wanted[0] - height), (0, wanted[1] - width))
    clipped = np.pad(clipped, more, mode="symmetric")
    return np.repeat(clipped[None, ..., None], channels, axis=-1)
