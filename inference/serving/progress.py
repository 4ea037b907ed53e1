"""How many tiles of a request are done, as a file: Java answers ``GET /progress/ID`` from it.

The client chooses the id, and sends it with the request. docs/contract.md has the form.
"""

import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from serving.contract import PROGRESS

SECONDS = 0.2  # between two writings
WIDTH = 63  # of a line, without its end

# it becomes the name of a file, and a part of an address
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


@contextlib.contextmanager
def told(inference_id: str | None) -> Iterator[Callable[[int, int], None] | None]:
    """What is to be called with (tiles done, tiles in all) while a request is computed.

    Args:
        inference_id: that the client gave it; None, or one that can name no file: nobody is told.
    """
    folder = os.environ.get(PROGRESS)
    if not (folder and inference_id and _ID.fullmatch(inference_id)):
        yield None
        return
    file = _File(Path(folder, inference_id))
    try:
        yield file.tell
    finally:
        file.remove()


class _File:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = float("-inf")

    def tell(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last < SECONDS:
            return
        self._last = now
        line = json.dumps({"tiles_done": done, "tiles": total})
        with contextlib.suppress(OSError):  # the disk is full: nobody is told, the answer comes
            self._write(f"{line:<{WIDTH}}\n".encode())

    def _write(self, line: bytes) -> None:
        """Over the one before, which is as long: who reads it sees the one or the other."""
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.pwrite(file, line, 0)
        finally:
            os.close(file)

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
