"""A network that takes all CPUs while it computes alone, and its share while other processes do.

One image is ready sooner with all CPUs; of several images more are ready in a second if each has
CPUs of its own, because threads then need not wait for each other at the end of each layer.
"""

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .network import Description, Network

# struct flock of Linux with 64 bits: type, whence, start, length, process; see fcntl(2)
FLOCK = "hhqqi"


@dataclass(frozen=True)
class Turns:
    """Tells processes whether another one of them computes at this moment.

    Each locks a byte of one file while it computes. The kernel unlocks it when the process ends,
    however that comes.

    Attributes:
        path: of the file; it is made where there is none.
    """

    path: Path

    @contextlib.contextmanager
    def computing(self) -> Iterator[bool]:
        """Compute within the block; gives whether another process does."""
        with self.path.open("a+b") as file:  # closed, it is unlocked
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, os.getpid())
            yield _is_locked_by_another(file)


def _is_locked_by_another(file: BinaryIO) -> bool:
    """Whether a lock of all its bytes would have to wait."""
    wanted = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, *_ = struct.unpack(FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, wanted))
    return kind != fcntl.F_UNLCK


@dataclass(frozen=True)
class Sharing(Description):
    """A network; see ``network.Network``.

    Attributes:
        alone: it, with all CPUs.
        beside: it, with the CPUs that are its own while another process computes.
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
