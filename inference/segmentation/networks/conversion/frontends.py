"""Files that OpenVINO itself reads: ONNX and TensorFlow Lite.

Runs in the converting process only.
"""

import re
from pathlib import Path

import openvino as ov
from openvino.frontend import FrontEndManager, OpConversionFailure

from ...errors import ModelError

# as OpenVINO names a file with weights that lacks what is said to be in it, or is not there
OUTSIDE = re.compile(r"(?:stored data in file \(|data_full_path: )([^,]*), offset:")
UNKNOWN = re.compile(r"No conversion rule found for operations: (.*)")
FAILED = re.compile(r"^-- (\S+) with a message:\n(.*?)\n\n", re.DOTALL | re.MULTILINE)
VERSION = re.compile(r"-\d+$")  # of the operation set, after the name of an operation


def read(path: Path) -> ov.Model:
    """Read a file, as its suffix names it, whatever its content is.

    Raises:
        ModelError: OpenVINO lacks some of its operations, or a file with weights is missing.
        Exception: it is broken.
    """
    frontend = FrontEndManager().load_by_framework(path.suffix.lower().lstrip("."))
    try:
        return frontend.convert(frontend.load(str(path)))
    except OpConversionFailure as exc:
        raise ModelError(
            f"OpenVINO cannot run operations of {path.name}: {_lacking(str(exc))}; make the "
            "network of other operations and export it again, or run it by another library, in a "
            "model_fn in code/inference.py"
        ) from exc
    except RuntimeError as exc:
        beside = OUTSIDE.search(str(exc))
        if beside is None:
            raise
        raise ModelError(
            f"{path.name} has its weights in {Path(beside[1]).name!r}, which is not in the model's "
            "folder, or is shorter than it says; put it beside it, as it was exported"
        ) from exc


def _lacking(report: str) -> str:
    """The operations that OpenVINO's report of a failure names, and what it says of them."""
    unknown = [name for names in UNKNOWN.findall(report) for name in names.split(", ")]
    told = [f"{VERSION.sub('', name)} (unknown)" for name in unknown]
    for name, message in FAILED.findall(report):
        told.append(f"{VERSION.sub('', name)} ({message.splitlines()[-1]})")
    return ", ".join(told) or " ".join(report.split())
