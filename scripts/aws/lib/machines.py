"""Which machine, by default, and what must be on it.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html
"""

import re

# it computes in bfloat16, which took 0.52 of the time of float32 where that was measured
# (docs/benchmark.json), and costs a twentieth more than ml.c5.xlarge, which does not: docs/aws.md
INSTANCE_TYPE = "ml.c7i.xlarge"
GPU = re.compile(r"ml\.(p|g)\d")
COSTLY = re.compile(r"ml\.(p|g|inf|trn|dl)\d")
AMIS = (
    "al2-ami-sagemaker-inference-gpu-2",
    "al2-ami-sagemaker-inference-gpu-2-1",
    "al2-ami-sagemaker-inference-gpu-3-1",
    "al2023-ami-sagemaker-inference-gpu-4-1",
)
# requirements-gpu.txt has CUDA 12.9, and this is the first AMI whose driver (580) is made for no
# older one: those of the others, 550 and 535, are of CUDA 12.4 and 12.2
GPU_AMI = "al2023-ami-sagemaker-inference-gpu-4-1"


def has_gpu(instance_type: str) -> bool:
    return bool(GPU.match(instance_type))


def is_costly(instance_type: str) -> bool:
    """Whether it has an accelerator, of which one hour costs as much as a day of a CPU."""
    return bool(COSTLY.match(instance_type))


def ami_of(instance_type: str) -> str | None:
    """The AMI of an instance type; None: SageMaker chooses, as there is nothing to choose."""
    return GPU_AMI if has_gpu(instance_type) else None
