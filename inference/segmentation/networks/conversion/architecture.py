"""The architecture of a network in a JSON file beside its weights, of ``model.to_json()``."""

import itertools
import json
from pathlib import Path

from ...spec import MAX_ARCHITECTURE_BYTES, is_architecture

HDF5_SUFFIXES = (".h5", ".hdf5")
MAX_FILES = 8  # that are looked into


def beside(path: Path) -> Path | None:
    """The JSON that ``model.to_json()`` gave, in the folder of a file of weights.

    It may be called anything, ``model.json`` included.
    """
    if path.suffix.lower() not in HDF5_SUFFIXES:
        return None
    for other in itertools.islice(sorted(path.parent.glob("*.json")), MAX_FILES):
        if other.is_file() and other.stat().st_size <= MAX_ARCHITECTURE_BYTES:
            try:
                entries = json.loads(other.read_bytes())
            except (ValueError, RecursionError):  # whatever it is, it is not that
                continue
            if is_architecture(entries):
                return other
    return None
