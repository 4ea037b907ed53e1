"""What a machine computes fastest in, and on."""

import sys

import pytest

from segmentation import machine
from segmentation.networks.hardware import fastest_on_cpu, has_gpu


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu sse avx2 avx512f avx512_bf16", "bfloat16"),
        ("fpu sse amx_bf16 amx_tile", "bfloat16"),
        ("fpu sse avx2 avx512f", "float32"),
    ],
)
def test_the_cpu_tells_what_is_fastest(tmp_path, flags, expected):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t: spectre_v1\n")
    assert fastest_on_cpu(cpuinfo) == expected


def test_a_cpu_without_flags_is_taken_for_a_plain_one(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nFeatures\t: fp asimd bf16\n")
    assert fastest_on_cpu(cpuinfo) == "float32"


def test_tensorflow_is_not_asked_where_the_kernel_shows_no_gpu(monkeypatch):
    monkeypatch.setattr(machine, "shows_gpu", lambda: False)
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # importing it fails
    assert not has_gpu()
