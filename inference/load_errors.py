"""Why a model could not be loaded, as a file: what a dying worker prints may be lost.

The entrypoint makes it the last line of its output; in multi-model mode the server answers it to
whoever wanted the model loaded (LoadErrors.java).
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

FOLDER = "UNET_LOAD_ERRORS"  # the environment variable; set by the entrypoint


def write(model_name: str, error: dict[str, Any]) -> None:
    """Tell why; ``error`` is ``{"code", "type", "message"}``, as clients are answered."""
    folder = os.environ.get(FOLDER)
    if folder:
        path = Path(folder, hashlib.sha256(model_name.encode()).hexdigest())
        partial = Path(f"{path}.{os.getpid()}")
        partial.write_text(json.dumps(error))
        partial.rename(path)


def read(folder: Path) -> str | None:
    """The message of a model that could not be loaded; None if there is none."""
    for path in folder.iterdir():
        if not path.suffix:
            return json.loads(path.read_text())["message"]
    return None
