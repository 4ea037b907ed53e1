"""The choice of the precision."""

import logging
from pathlib import Path

import keras
import numpy as np
import pytest

import tiny_models
from segmentation import precision
from segmentation.artifacts import from_network, load
from segmentation.engine import Engine
from segmentation.errors import SettingsError

EMBEDDED = Path(__file__).resolve().parent.parent / "models" / "unet-membrane"


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
    assert precision.fastest(cpuinfo) == expected


def test_a_cpu_without_flags_is_taken_for_a_plain_one(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nFeatures\t: fp asimd bf16\n")
    assert precision.fastest(cpuinfo) == "float32"


@pytest.mark.parametrize("channels", [1, 3])
def test_the_probe_is_a_picture_and_always_the_same(channels):
    image = precision.probe(40, 56, channels)
    assert (image.shape, image.dtype) == ((1, 40, 56, channels), np.float32)
    assert 0 <= image.min() < 0.3 < 0.6 < image.max() <= 1
    np.testing.assert_array_equal(image, precision.probe(40, 56, channels))


def test_a_large_probe_is_a_small_one_mirrored():
    small = precision.probe(256, 256, 1)
    large = precision.probe(1024, 300, 1)
    assert large.shape == (1, 1024, 300, 1)
    np.testing.assert_array_equal(large[:, :256, :256], small)
    np.testing.assert_array_equal(large[:, 256:512, :256], small[:, ::-1])


def test_agreement_counts_pixels():
    one = np.array([0.1, 0.6, 0.8, 0.3]).reshape(1, 2, 2, 1)
    other = np.array([0.1, 0.4, 0.9, 0.2]).reshape(1, 2, 2, 1)
    assert precision.agreement(one, other, 0.5) == 0.75
    classes = np.concatenate([one, other], axis=-1)
    assert precision.agreement(classes, classes[..., ::-1], 0.5) == 0.25


def fragile():
    """Between its ends intensities are so large that bfloat16 cannot tell them apart."""

    def shifted(by):
        return keras.layers.Conv2D(
            1, 1, kernel_initializer="ones", bias_initializer=keras.initializers.Constant(by)
        )

    layers = [keras.Input((None, None, 1)), shifted(0), shifted(64), shifted(-64)]
    return keras.Sequential(layers)


@pytest.fixture
def _machine_with_bfloat16(monkeypatch):
    monkeypatch.setattr(precision, "fastest", lambda: "bfloat16")


def warm(network, asked):
    model = network if hasattr(network, "network") else from_network(network, "it.keras")
    engine = Engine(model, precision=asked)
    engine.warm_up()
    return engine


def probed(engine):
    return engine.predict(precision.probe(64, 64, 1))


@pytest.mark.usefixtures("_machine_with_bfloat16")
def test_auto_takes_what_is_fastest(caplog):
    caplog.set_level(logging.INFO)
    model = load(EMBEDDED)
    exact = probed(Engine(model))
    rounded = probed(warm(model, "auto"))
    np.testing.assert_allclose(rounded, exact, atol=0.1)
    assert not np.array_equal(rounded, exact)
    assert "computing in bfloat16" in caplog.text


@pytest.mark.usefixtures("_machine_with_bfloat16")
def test_auto_stays_in_float32_where_the_masks_would_change(caplog):
    caplog.set_level(logging.INFO)
    engine = warm(fragile(), "auto")
    np.testing.assert_allclose(probed(engine), precision.probe(64, 64, 1), atol=1e-4)
    assert "not computing in bfloat16: its masks agree" in caplog.text
    assert engine._bytes_per_pixel >= 0


@pytest.mark.usefixtures("_machine_with_bfloat16")
def test_auto_stays_in_float32_where_nothing_can_be_converted(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    tiny_models.identity().export(tmp_path, verbose=False)
    image = precision.probe(64, 64, 1)
    np.testing.assert_allclose(probed(warm(load(tmp_path), "auto")), image, atol=1e-6)
    assert "not computing in bfloat16: its layers cannot be copied" in caplog.text


def test_auto_is_float32_on_a_machine_without(monkeypatch):
    monkeypatch.setattr(precision, "fastest", lambda: "float32")
    np.testing.assert_allclose(
        probed(warm(fragile(), "auto")), precision.probe(64, 64, 1), atol=1e-4
    )


def test_bfloat16_is_taken_where_it_is_asked_for():
    assert set(np.unique(probed(warm(fragile(), "bfloat16")))) <= {0.0, 0.5, 1.0}


def test_bfloat16_is_refused_where_it_cannot_be(tmp_path):
    tiny_models.identity().export(tmp_path, verbose=False)
    with pytest.raises(SettingsError, match=r"UNET_PRECISION is bfloat16.*leave the setting out"):
        warm(load(tmp_path), "bfloat16")
