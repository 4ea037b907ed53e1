"""The choice of the precision."""

import logging
from pathlib import Path

import keras
import numpy as np
import pytest

from segmentation.artifacts import load
from segmentation.errors import SettingsError
from segmentation.networks import probe, tensorflow
from segmentation.networks.network import Source, describe
from segmentation.networks.tune import tune
from support import tiny_models

EMBEDDED = Path(__file__).resolve().parents[2] / "models" / "unet-membrane"


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
    monkeypatch.setattr(tensorflow, "fastest_precision", lambda: "bfloat16")


def tuned(model, precision):
    source = model if isinstance(model, Source) else describe(model, "it.keras")
    return tune(source, precision)


def probed(network):
    return network.run(probe.picture(64, 64, 1))


@pytest.mark.usefixtures("_machine_with_bfloat16")
def test_auto_takes_what_is_fastest(caplog):
    caplog.set_level(logging.INFO)
    model = load(EMBEDDED)
    exact = probed(tensorflow.plain(model))
    rounded = probed(tuned(model, "auto"))
    np.testing.assert_allclose(rounded, exact, atol=0.1)
    assert not np.array_equal(rounded, exact)
    assert "computing in bfloat16" in caplog.text


@pytest.mark.usefixtures("_machine_with_bfloat16")
def test_auto_stays_in_float32_where_the_masks_would_change(caplog):
    caplog.set_level(logging.INFO)
    network = tuned(fragile(), "auto")
    np.testing.assert_allclose(probed(network), probe.picture(64, 64, 1), atol=1e-4)
    assert "not computing in bfloat16: its masks agree" in caplog.text


@pytest.mark.usefixtures("_machine_with_bfloat16")
def test_auto_stays_in_float32_where_nothing_can_be_converted(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    tiny_models.identity().export(tmp_path, verbose=False)
    image = probe.picture(64, 64, 1)
    np.testing.assert_allclose(probed(tuned(load(tmp_path), "auto")), image, atol=1e-6)
    assert "not computing in bfloat16: its layers cannot be copied" in caplog.text


def test_auto_is_float32_on_a_machine_without(monkeypatch):
    monkeypatch.setattr(tensorflow, "fastest_precision", lambda: "float32")
    np.testing.assert_allclose(
        probed(tuned(fragile(), "auto")), probe.picture(64, 64, 1), atol=1e-4
    )


def test_bfloat16_is_taken_where_it_is_asked_for():
    assert set(np.unique(probed(tuned(fragile(), "bfloat16")))) <= {0.0, 0.5, 1.0}


def test_bfloat16_is_refused_where_it_cannot_be(tmp_path):
    tiny_models.identity().export(tmp_path, verbose=False)
    with pytest.raises(SettingsError, match=r"`precision` is bfloat16.*leave the setting out"):
        tuned(load(tmp_path), "bfloat16")
