"""What this machine has to compute with."""

from pathlib import Path

from .. import machine

FLOAT32, BFLOAT16, FLOAT16, INT8 = "float32", "bfloat16", "float16", "int8"
CPU_FLAGS = {"avx512_bf16", "amx_bf16"}
CPUINFO = Path("/proc/cpuinfo")


def fastest_on_cpu(cpuinfo: Path = CPUINFO) -> str:
    """bfloat16 where the CPU has instructions for it, else float32."""
    for line in cpuinfo.read_text().splitlines():
        if line.startswith("flags"):
            return BFLOAT16 if CPU_FLAGS & set(line.split()) else FLOAT32
    return FLOAT32


def has_gpu() -> bool:
    """Whether TensorFlow can use a GPU; it is imported only where the kernel shows one."""
    if not machine.shows_gpu():
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
