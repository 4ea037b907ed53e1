#!/usr/bin/env python3
"""Calibrate a graph to int8; run by models/lib/int8.py, in the environment of requirements.txt."""

import sys

import nncf
import numpy as np
import openvino as ov

# Rounding shows at the ends of a network: so many of its first and last convolutions stay as they
# are.
FIRST, LAST = 4, 5


def main(graph: str, images: str, out: str) -> None:
    """Write a graph in int8.

    Args:
        graph: an .xml file, from float32 (N, h, w, C) to float32 (N, h, w, K).
        images: an .npz file of arrays float32 (1, h, w, C), intensities as the graph takes them.
        out: the .xml file to write.
    """
    model = ov.Core().read_model(graph)
    convolutions = [
        operation.get_friendly_name()
        for operation in model.get_ordered_ops()
        if "Convolution" in operation.get_type_name()
    ]
    with np.load(images) as arrays:
        samples = [arrays[name] for name in arrays.files]
    quantized = nncf.quantize(
        model,
        nncf.Dataset(samples),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(samples),
        ignored_scope=nncf.IgnoredScope(names=convolutions[:FIRST] + convolutions[-LAST:]),
    )
    ov.save_model(quantized, out, compress_to_fp16=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
