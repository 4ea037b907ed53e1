"""A network that takes all CPUs while it computes alone, and its share while other processes do.

One image is ready sooner with all CPUs; of several images more are ready in a second if each has
CPUs of its own, because threads then need not wait for each other at the end of each layer.
"""

import contextlib
import fcntl
import os
import struct
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .network import Description, Network

# struct flock of Linux with 64 bits: type, whence, start, length, process; see fcntl(2)
FLOCK = "hhqqi"


class Turns:
    """Tells processes whether another one of them answers a request at this moment.

    Each locks a byte of one file meanwhile. The kernel unlocks it when the process ends, however
    that comes.

    Args:
        path: of the file; it is made where there is none.
    """

    def __init__(self, path: Path):
        self._path = path
        self._file: int | None = None  # stays open: to close a file of that path unlocks it
        self._is_busy = False

    @contextlib.contextmanager
    def busy(self) -> Iterator[int]:
        """Answer a request within the block: what is being decoded is going to be computed, too.

        Gives the descriptor of the file.
        """
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            weakref.finalize(self, os.close, self._file)
        file = self._file
        if self._is_busy:
            yield file
            return
        self._is_busy = True
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, os.getpid())
        try:
            yield file
        finally:
            fcntl.lockf(file, fcntl.LOCK_UN, 1, os.getpid())
            self._is_busy = False

    @contextlib.contextmanager
    def computing(self) -> Iterator[bool]:
        """Compute within the block; gives whether another process is busy."""
        with self.busy() as file:
            yield _is_locked_by_another(file)


def _is_locked_by_another(file: int) -> bool:
    """Whether a lock of all its bytes would have to wait."""
    wanted = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, *_ = struct.unpack(FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, wanted))
    return kind != fcntl.F_UNLCK


@dataclass(frozen=True)
class Sharing(Description):
    """A network; see ``network.Network``.

    Attributes:
        alone: it, with all CPUs.
        beside: it, with the CPUs that are its own while another process answers a request.
        turns: shared with these processes.
    """

    alone: Network
    beside: Network
    turns: Turns

    def run(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, h, w, C) intensities -> float32 (N, h, w, K) probabilities, 0–1."""
        with self.turns.computing() as another:
            return (self.beside if another else self.alone).run(images)

    def rest(self) -> None:
        """Give back the memory that runs took; the next one takes it again."""
        self.alone.rest()
        self.beside.rest()
