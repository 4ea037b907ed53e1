"""What this machine computes fastest in."""

from pathlib import Path

FLOAT32, BFLOAT16, FLOAT16 = "float32", "bfloat16", "float16"
CPU_FLAGS = {"avx512_bf16", "amx_bf16"}
TENSOR_CORES = (7, 0)  # the compute capability of GPUs from which on they have them
CPUINFO = Path("/proc/cpuinfo")


def fastest_precision() -> str:
    """float32, bfloat16, or float16 on a GPU."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return fastest_on_cpu()
    details = tf.config.experimental.get_device_details(gpus[0])
    return FLOAT16 if details.get("compute_capability", (0, 0)) >= TENSOR_CORES else FLOAT32


def fastest_on_cpu(cpuinfo: Path = CPUINFO) -> str:
    """bfloat16 where the CPU has instructions for it, else float32."""
    for line in cpuinfo.read_text().splitlines():
        if line.startswith("flags"):
            return BFLOAT16 if CPU_FLAGS & set(line.split()) else FLOAT32
    return FLOAT32
