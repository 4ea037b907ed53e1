"""Whether somebody still waits for the answer to a request: Java knows, and tells by files."""

import os
from pathlib import Path

from serving.contract import GONE


def has_gone(request_id: str) -> bool:
    """Whether the client has gone whose request MMS knows by this id."""
    folder = os.environ.get(GONE)
    return folder is not None and Path(folder, request_id).exists()
