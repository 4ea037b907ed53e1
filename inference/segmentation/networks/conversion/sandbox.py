"""A child process with limits: what an artifact does to whoever reads it, ends there.

The child may use so much memory, time and disk and no more, knows nothing of the environment, and
ends with its parent. What it prints goes to the log.
"""

import contextlib
import ctypes
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ... import machine

logger = logging.getLogger(__name__)

PACKAGES = Path(__file__).resolve().parents[3]  # the folder of this package
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38  # of Linux: prctl(2)
MAX_LINE = 10_000  # bytes of what it prints
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


@dataclass(frozen=True)
class Limits:
    """What a child may use.

    Attributes:
        memory: bytes of address space, beyond what its libraries take.
        file: bytes of each file that it writes.
        cpu_seconds: of all its threads together.
        seconds: until it is ended.
    """

    memory: int
    file: int
    cpu_seconds: int = 600
    seconds: int = 600


def run(module: str, arguments: Sequence[str], folder: Path, limits: Limits) -> int:
    """Run a module of this project in a child, and wait for it.

    Args:
        arguments: of its command line, after the limits; see ``enter``.
        folder: the one that it writes to.

    Returns:
        Its exit status; the negative number of a signal that ended it.
    """
    command = [sys.executable, "-P", "-s", "-m", module, str(os.getpid()), *_as_text(limits)]
    child = subprocess.Popen(
        [*command, *arguments],
        env=_environment(folder),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    timer = threading.Timer(limits.seconds, child.kill)
    timer.start()
    try:
        assert child.stdout
        printed = child.stdout
        for line in iter(lambda: printed.readline(MAX_LINE), b""):
            text = line.decode(errors="replace").strip()
            if text:
                logger.info("%s", text)
        return child.wait()
    finally:
        timer.cancel()
        child.kill()
        child.wait()
        if child.stdout:
            child.stdout.close()


def enter(arguments: Sequence[str]) -> tuple[Limits, list[str]]:
    """Limit this process, as the first thing that a child does; memory is limited later.

    Args:
        arguments: of its command line.

    Returns:
        The limits, and the arguments that are left.
    """
    parent, *numbers = map(int, arguments[:5])
    limits = Limits(*numbers)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before it could be asked for
        sys.exit(1)
    _limit(resource.RLIMIT_CORE, 0)
    # first the signal that tells why, and a second later the one that cannot be put off
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))
    _limit(resource.RLIMIT_FSIZE, limits.file)
    return limits, list(arguments[5:])


def limit_memory(limits: Limits) -> None:
    """From now on, let this process take no more than its limit on top of what it has."""
    _limit(resource.RLIMIT_AS, machine.address_space() + limits.memory)


def what_ended(status: int, limits: Limits) -> str:
    """Why a child ended, by its exit status."""
    if status == -signal.SIGXCPU:
        return f"takes more than {limits.cpu_seconds} s of CPU time"
    if status == -signal.SIGKILL:
        return f"takes longer than {limits.seconds} s, or was ended for want of memory"
    if status < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-status).name
            return f"ends the process with {name}; it may use {limits.memory >> 20:,} MB of memory"
    return f"ends the process with exit code {status}"


def _as_text(limits: Limits) -> list[str]:
    return [str(n) for n in (limits.memory, limits.file, limits.cpu_seconds, limits.seconds)]


def _limit(kind: int, value: int) -> None:
    _, most = resource.getrlimit(kind)
    if most != resource.RLIM_INFINITY:
        value = min(value, most)
    resource.setrlimit(kind, (value, value))


def _environment(folder: Path) -> Mapping[str, str]:
    """All that a child knows of the world."""
    cpus = str(machine.available_cpus())
    return {
        **{name: os.environ.get(name, cpus) for name in THREADS},
        "PATH": os.defpath,
        "PYTHONPATH": str(PACKAGES),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "KERAS_HOME": str(folder),
        "TMPDIR": str(folder),
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONWARNINGS": "ignore",
        "TF_CPP_MIN_LOG_LEVEL": "2",  # errors
        "MALLOC_ARENA_MAX": "2",  # each thread would have address space of its own
    }
