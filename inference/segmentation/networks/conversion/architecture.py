"""The architecture of a network in a JSON file beside its weights, of ``model.to_json()``."""

import json
from pathlib import Path

from ...spec import is_architecture

HDF5_SUFFIXES = (".h5", ".hdf5")
MAX_CONFIG_BYTES = 16 << 20


def beside(path: Path) -> Path | None:
    """The JSON that ``model.to_json()`` gave, in the folder of a file of weights.

    It may be called anything, ``model.json`` included.
    """
    for other in sorted(path.parent.glob("*.json")):
        if other.is_file() and other.stat().st_size <= MAX_CONFIG_BYTES:
            try:
                entries = json.loads(other.read_bytes())
            except (ValueError, RecursionError):  # whatever it is, it is not that
                continue
            if is_architecture(entries):
                return other
    return None
