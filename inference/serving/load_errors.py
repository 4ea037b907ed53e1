"""Why a model could not be loaded, as a file: what a dying worker prints may be lost.

The supervisor makes the reason the last line of the server's output; in multi-model mode the
server answers it to whoever wanted the model loaded. docs/contract.md has the names of the files.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serving.contract import LOAD_ERRORS


def write(model_name: str, error: Mapping[str, Any]) -> None:
    """Write down why a model could not be loaded; does nothing where LOAD_ERRORS is not set.

    Args:
        model_name: empty if no model is to blame.
        error: ``{"code", "type", "message"}``, as clients are answered.
    """
    folder = os.environ.get(LOAD_ERRORS)
    if not folder:
        return
    path = Path(folder, hashlib.sha256(model_name.encode()).hexdigest())
    partial = Path(f"{path}.{os.getpid()}")
    with contextlib.suppress(OSError):  # the disk is full: the log has it, too
        partial.write_text(json.dumps(error))
        partial.rename(path)  # who reads it sees all of it, or nothing


def read(folder: Path) -> str | None:
    """The message of a model that could not be loaded; None if there is none."""
    for path in folder.iterdir():
        if not path.suffix:  # those with one are still being written
            return json.loads(path.read_text())["message"]
    return None
