"""What this process may use, and uses: the CPUs and the memory that its cgroups grant, not what the
host has.

Reads version 2 of cgroups (https://docs.kernel.org/admin-guide/cgroup-v2.html) and version 1.
"""

import contextlib
import ctypes
import functools
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
MEMINFO = Path("/proc/meminfo")
SELF = Path("/proc/self")
DEVICES = Path("/dev")
UNLIMITED = 1 << 60  # bytes; version 1 writes the largest number of whole pages for no limit


def available_cpus(cgroups: Path = CGROUPS, own: Path = OWN) -> int:
    """How many CPUs this process may use, by its affinity and the quota of its cgroups."""
    quotas = (_cpu_quota(folder) for folder in _folders("cpu", cgroups, own))
    granted = min((quota for quota in quotas if quota), default=math.inf)
    return max(1, int(min(granted, len(os.sched_getaffinity(0)))))


def share_of_cpus(cpus: int, workers: int, most: int) -> int:
    """The threads of each of so many workers while all of them compute; ``most`` at most."""
    return min(most, max(1, cpus // workers))


def available_memory(cgroups: Path = CGROUPS, own: Path = OWN, meminfo: Path = MEMINFO) -> int:
    """How many bytes may be taken now before the kernel ends a process for it."""
    grants = [_memory_left(folder) for folder in _folders("memory", cgroups, own)]
    limits = [left for left in grants if left is not None]
    return max(0, min([*limits, _of_host(meminfo)]))


def shows_gpu(devices: Path = DEVICES) -> bool:
    """Whether the kernel shows a GPU of NVIDIA."""
    return any(devices.glob("nvidia[0-9]*"))


def resident_memory() -> int:
    """How many bytes of memory this process holds now."""
    return 1024 * _statistic(SELF / "status", "VmRSS:")


def address_space() -> int:
    """How many bytes of addresses this process has taken, of memory or not."""
    return 1024 * _statistic(SELF / "status", "VmSize:")


class MemoryGrowth:
    """How much more memory this process needed, at most, within a ``with`` block.

    Attributes:
        resting_bytes: of the process, before the block.
        bytes: that it took on top of these, at most; known after the block.
    """

    resting_bytes = 0
    bytes = 0

    def __enter__(self) -> "MemoryGrowth":
        give_back_freed_memory()  # taken anew, it would not show as growth
        with contextlib.suppress(OSError):  # of kernels that cannot: a peak from before may count
            (SELF / "clear_refs").write_text("5")  # the peak begins anew; see proc(5)
        self.resting_bytes = resident_memory()
        return self

    def __exit__(self, *_: object) -> None:
        peak = 1024 * _statistic(SELF / "status", "VmHWM:")
        self.bytes = max(0, peak - self.resting_bytes)


def give_back_freed_memory() -> None:
    """Give freed memory back to the system."""
    with contextlib.suppress(AttributeError, OSError):  # it is glibc's own function
        ctypes.CDLL(None).malloc_trim(0)


@functools.cache  # each request asks several times
def _folders(controller: str, cgroups: Path, own: Path) -> tuple[Path, ...]:
    """The cgroups of this process, upwards: each limit on the way holds."""
    folders = (
        base.joinpath(*parts[:length])
        for base, path in _cgroups(controller, cgroups, own)
        for parts in [Path(path.lstrip("/")).parts]
        for length in range(len(parts), -1, -1)
    )
    return tuple(filter(Path.is_dir, folders))  # in a container the path may not be mounted


def _cgroups(controller: str, cgroups: Path, own: Path) -> Iterator[tuple[Path, str]]:
    """Where a controller is mounted, and this process's place in it: version 2, then 1."""
    with contextlib.suppress(OSError):
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                yield cgroups, path
            elif controller in controllers.split(","):
                yield cgroups / controller, path


def _cpu_quota(folder: Path) -> float | None:
    """The CPUs that a cgroup grants; None: no limit here."""
    with contextlib.suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError):
        quota, period = (
            (folder / name).read_text() for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        )
        return int(quota) / int(period) if int(quota) > 0 else None
    return None


def _memory_left(folder: Path) -> int | None:
    """The bytes that a cgroup still grants; None: no limit here."""
    for limit, usage, cache in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        with contextlib.suppress(OSError, ValueError):
            granted = _text(f"{folder}/{limit}").strip()
            if granted == "max" or int(granted) >= UNLIMITED:
                return None
            used = int(_text(f"{folder}/{usage}"))
            # the kernel takes the cache of files back before it ends a process
            return int(granted) - used + _statistic(f"{folder}/memory.stat", cache)
    return None


def _of_host(meminfo: Path) -> int:
    return 1024 * _statistic(meminfo, "MemAvailable:")


def _statistic(file: Path | str, name: str) -> int:
    """The number behind a name.

    Raises:
        ValueError: the file does not name it.
    """
    found = re.search(rf"^{name}\s+(\d+)", _text(file), re.MULTILINE)
    if found is None:
        raise ValueError(f"{file} has no {name}")
    return int(found[1])


def _text(file: Path | str) -> str:
    """What a file of the kernel's says now: ASCII."""
    with open(file, "rb", buffering=0) as opened:
        return opened.read().decode("ascii")
