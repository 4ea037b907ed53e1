"""Which variables of the environment the processes of a server need.

A model without code of its own needs no credentials: what is not named here stays with the
supervisor. Code of the user's gets all of it, as SageMaker means it to.
"""

from collections.abc import Mapping
from pathlib import Path

CODE = "code"  # the folder of a model with code of the user's
# where workers find modules: to PYTHONPATH itself MMS adds the model's folder (``worker.py``)
PYTHON_PATH = "UNET_PYTHONPATH"

NAMES = frozenset(
    (
        "PATH LD_LIBRARY_PATH LD_PRELOAD HOME HOSTNAME TMPDIR TEMP TMP LANG LANGUAGE TZ TZDIR "
        "USER LOGNAME PWD CUDA_VISIBLE_DEVICES"
    ).split()
)
PREFIXES = (
    "UNET_",
    "SAGEMAKER_",
    "MMS_",
    "PYTHON",
    # of Java, and of its options
    *("JAVA_", "JDK_JAVA_", "_JAVA_"),
    # of libraries that compute: threads, memory, devices
    *("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "TBB_", "OV_", "ONEDNN_", "DNNL_"),
    *("TF_", "XLA_", "KERAS_", "CUDA_", "NVIDIA_", "MALLOC_", "GLIBC_", "LC_"),
)


def needed(environment: Mapping[str, str], model_dir: Path) -> dict[str, str]:
    """What of the environment the processes of a model get: all, where it brings code."""
    if Path(model_dir, CODE).exists():
        return dict(environment)
    return {name: value for name, value in environment.items() if is_needed(name)}


def is_needed(name: str) -> bool:
    """Whether a server has use for a variable, whatever its model."""
    return name in NAMES or name.startswith(PREFIXES)
