"""Folders in folders, deeper than a path may be long or Python may call itself."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

LEVELS = 1500


@contextlib.contextmanager
def deep_in(folder: Path) -> Iterator[None]:
    """While it lasts, ``folder`` holds a folder "a", which holds one, and so on."""
    deepest = os.open(folder, os.O_RDONLY)
    for _ in range(LEVELS):
        os.mkdir("a", dir_fd=deepest)
        inner = os.open("a", os.O_RDONLY, dir_fd=deepest)
        os.close(deepest)
        deepest = inner
    os.close(deepest)
    try:
        yield
    finally:
        subprocess.run(["rm", "-r", folder / "a"], check=True)  # Python's own goes less deep
