import os

import pytest

from segmentation import machine

MEMINFO = "MemTotal:       999999 kB\nMemAvailable:   8192 kB\n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Where the kernel tells of cgroups: write their files as ``files("a/cpu.max", "…")``."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))

    def write(name, text):
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return write


@pytest.fixture
def cpus(tmp_path):
    def cpus(own):
        (tmp_path / "own").write_text(own)
        return machine.available_cpus(tmp_path / "cgroup", tmp_path / "own")

    return cpus


@pytest.fixture
def memory(tmp_path):
    def memory(own):
        (tmp_path / "own").write_text(own)
        (tmp_path / "meminfo").write_text(MEMINFO)
        return machine.available_memory(tmp_path / "cgroup", tmp_path / "own", tmp_path / "meminfo")

    return memory


# --- CPUs


def test_cpus_without_cgroups(files, cpus, tmp_path):
    assert machine.available_cpus(tmp_path / "none", tmp_path / "none") == 8
    assert cpus("0::/\n") == 8


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", 8), ("200000 100000", 2), ("250000 100000", 2), ("50000 100000", 1)],
)
def test_cpus_of_cgroup_2(files, cpus, quota, expected):
    files("a/b/cpu.max", quota)
    assert cpus("0::/a/b\n") == expected


def test_the_lowest_limit_on_the_way_up_counts(files, cpus):
    files("a/cpu.max", "300000 100000")
    files("a/b/cpu.max", "max 100000")
    assert cpus("0::/a/b\n") == 3


def test_the_path_may_be_unknown_in_a_container(files, cpus):
    files("cpu.max", "200000 100000")
    assert cpus("0::/elsewhere/b\n") == 2


@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("400000", 4)])
def test_cpus_of_cgroup_1(files, cpus, quota, expected):
    files("cpu/a/cpu.cfs_quota_us", quota)
    files("cpu/a/cpu.cfs_period_us", "100000")
    assert cpus("5:memory:/a\n4:cpu,cpuacct:/a\n") == expected


# --- memory


def test_memory_without_cgroups(files, memory):
    assert memory("0::/\n") == 8192 * 1024


def test_memory_of_cgroup_2(files, memory):
    files("a/memory.max", "5000000")
    files("a/memory.current", "3000000")
    files("a/memory.stat", "anon 100\ninactive_file 1000000\nactive_file 7\n")
    assert memory("0::/a/b\n") == 3_000_000


def test_no_limit_in_cgroup_2(files, memory):
    files("a/memory.max", "max")
    files("a/memory.current", "3000000")
    files("a/memory.stat", "inactive_file 0\n")
    assert memory("0::/a\n") == 8192 * 1024


def test_memory_of_cgroup_1(files, memory):
    files("memory/memory.limit_in_bytes", "9223372036854771712")
    files("memory/memory.usage_in_bytes", "3000000")
    files("memory/memory.stat", "inactive_file 1\ntotal_inactive_file 5\n")
    files("memory/a/memory.limit_in_bytes", "4000000")
    files("memory/a/memory.usage_in_bytes", "3000000")
    files("memory/a/memory.stat", "inactive_file 1\ntotal_inactive_file 5\n")
    assert memory("5:memory:/a\n") == 1_000_005


def test_memory_is_never_less_than_none(files, memory):
    files("memory.max", "1000000")
    files("memory.current", "3000000")
    files("memory.stat", "inactive_file 0\n")
    assert memory("0::/\n") == 0


def test_memory_of_this_machine():
    assert 0 < machine.available_memory() < 1 << 50


def test_growth_is_that_of_the_block():
    taken = bytearray(b"x") * 100_000_000
    with machine.MemoryGrowth() as growth:
        more = bytearray(b"x") * 50_000_000
        del more
    assert 45e6 < growth.bytes < 60e6
    del taken
