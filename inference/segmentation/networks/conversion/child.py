"""What runs in the child process: an artifact in, a graph and what is known of it out.

    python -m segmentation.networks.conversion.child PARENT LIMITS… ARTIFACT FOLDER DIGEST PORTS

Writes the files of ``store`` into the folder, or ``error.json`` if the artifact is to blame.
"""

import json
import logging
import sys
from pathlib import Path

from ...errors import ModelError
from ...spec_entries import Ports
from . import sandbox

ERROR = "error.json"
OUT_OF_MEMORY = (
    "resourceexhausted",
    "bad_alloc",
    "unable to allocate",
    "cannot allocate",
    "failed to allocate",
    "file too large",
)
FILES = "a .keras, .h5, .hdf5, .onnx or .tflite file, or a SavedModel folder"
KINDS = (
    f"{FILES} (what PyTorch holds, .pt, .pth or .safetensors, exported as ONNX; a frozen .pb "
    "exported as a SavedModel; a .json of an architecture with its weights beside it, .h5)"
)


def main(arguments: list[str]) -> int:
    limits, (artifact, folder, digest, ports) = sandbox.enter(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    sys.modules["matplotlib"] = None  # type: ignore[assignment]  # Keras would import it: a second
    from . import readers

    path = Path(artifact)
    readers.import_libraries(path)  # before memory is limited: what they take is not the artifact's
    sandbox.limit_memory(limits)
    return work(path, Path(folder), digest, Ports(**json.loads(ports)), limits)


def work(path: Path, folder: Path, digest: str, ports: Ports, limits: sandbox.Limits) -> int:
    """Convert an artifact; returns the exit status."""
    from . import convert, readers, store

    try:
        reading = readers.read(path, folder.parent)
        store.write(folder, convert.convert(reading, path.name, ports), digest)
    except ModelError as exc:
        return _failed(folder, str(exc))
    except Exception as exc:  # whatever the libraries raise on a broken file
        if _is_out_of_memory(exc):
            return _failed(folder, _too_large(path.name, limits), of_memory=True)
        return _failed(folder, _broken(exc, path.name))
    return 0


def _too_large(name: str, limits: sandbox.Limits) -> str:
    return (
        f"{name} needs more than {limits.memory >> 20:,} MB of memory to be converted, which is "
        "what a model of its size may take; save it again, or export it anew"
    )


def _broken(exc: Exception, name: str) -> str:
    from .sources import in_a_line

    return (
        f"{name} cannot be loaded: {in_a_line(exc)}; it must be {FILES}, whole, "
        "without custom layers; save it again, or bring a model_fn in code/inference.py"
    )


def _is_out_of_memory(exc: BaseException | None) -> bool:
    """Libraries wrap it in errors of their own."""
    while exc:
        text = f"{type(exc).__name__} {exc}".lower()
        if isinstance(exc, MemoryError) or any(sign in text for sign in OUT_OF_MEMORY):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def _failed(folder: Path, message: str, of_memory: bool = False) -> int:
    (folder / ERROR).write_text(json.dumps({"message": message, "of_memory": of_memory}))
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
