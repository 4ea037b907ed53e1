"""The choice of engine and precision."""

import logging
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from segmentation.artifacts import load
from segmentation.errors import ModelError, SettingsError
from segmentation.networks import hardware, openvino, probe, tensorflow
from segmentation.networks.conversion import saved_model
from segmentation.networks.conversion.load import of_keras
from segmentation.networks.openvino import OpenVinoNetwork
from segmentation.networks.sharing import Turns
from segmentation.networks.tensorflow import TensorFlowNetwork
from segmentation.networks.tune import Beside, Computing, _telling_picture, tune
from support.sources import straight

EMBEDDED = Path(__file__).resolve().parents[2] / "models" / "unet-membrane"


def pointwise(factor, shift, dtype="float32"):
    kernel, bias = (keras.initializers.Constant(value) for value in (factor, shift))
    return keras.layers.Conv2D(1, 1, kernel_initializer=kernel, bias_initializer=bias, dtype=dtype)


def fragile(dtype="float32"):
    """Between its ends intensities are so large that bfloat16 cannot tell them apart."""
    shifted = pointwise(1, 64, dtype=dtype)
    return straight(pointwise(1, 0), shifted, pointwise(1, -64))


def rounded_unet(model):
    """Its layers between the ends, in bfloat16."""

    def copy(layer):
        ends = ("down1_conv1", "probability")
        inside = layer.weights and layer.name not in ends
        changes = {"dtype": "mixed_bfloat16"} if inside else {}
        return type(layer).from_config(layer.get_config() | changes)

    rounded = keras.models.clone_model(model, clone_function=copy)
    rounded.set_weights(model.get_weights())
    return rounded


@pytest.fixture
def has_bfloat16(monkeypatch):
    """Make a CPU that has it, for one model, of a model whose layers round, as any CPU can."""
    exact = openvino.network

    def become(rounded):
        def network(source, precision, threads):
            if precision == "float32":
                return exact(source, precision, threads)
            return tensorflow.network(replace(source, load=lambda: rounded), "float32", threads)

        monkeypatch.setattr(openvino, "network", network)
        monkeypatch.setattr(openvino, "fastest_precision", lambda: "bfloat16")

    return become


@pytest.fixture
def _switches_off():
    yield
    off = dict.fromkeys(filter(None, tensorflow.SWITCHES.values()), False)
    tf.config.optimizer.set_experimental_options(off)


@pytest.fixture(scope="module")
def embedded():
    return load(EMBEDDED)


@pytest.fixture(scope="module")
def unconverted(embedded):
    return replace(embedded, graph=None, unconverted="it is too new")


def probed(network):
    return network.run(probe.picture(64, 64, 1))


# --- engines


def test_openvino_runs_what_has_a_graph(embedded, caplog):
    caplog.set_level(logging.INFO)
    network = tune(embedded, Computing(precision="float32"))
    assert isinstance(network, OpenVinoNetwork)
    assert "computing in float32 by openvino" in caplog.text


def test_tensorflow_runs_what_has_none(unconverted):
    assert isinstance(tune(unconverted, Computing(precision="float32")), TensorFlowNetwork)


def test_tensorflow_comes_first_where_there_is_a_gpu(embedded, monkeypatch):
    monkeypatch.setattr(hardware, "has_gpu", lambda: True)
    assert isinstance(tune(embedded, Computing(precision="float32")), TensorFlowNetwork)


def test_engines_agree(embedded):
    exact, other = (
        tune(embedded, Computing(engine, "float32")) for engine in ("openvino", "tensorflow")
    )
    np.testing.assert_allclose(probed(other), probed(exact), atol=1e-5)


def test_tensorflow_runs_a_saved_model(embedded, tmp_path):
    keras.saving.load_model(EMBEDDED / "unet-membrane.keras").export(tmp_path, verbose=False)
    source = replace(embedded, graph=None, load=lambda: saved_model.load(tmp_path))
    network = tune(source, Computing("tensorflow", "float32"))
    exact = tune(embedded, Computing("openvino", "float32"))
    np.testing.assert_allclose(probed(network), probed(exact), atol=1e-5)


def test_an_engine_that_cannot_run_it_is_a_setting_to_leave_out(unconverted, embedded):
    message = r"`engine` is openvino, which cannot run unet-membrane.keras: it is too new; leave"
    with pytest.raises(SettingsError, match=message):
        tune(unconverted, Computing("openvino"))
    with pytest.raises(SettingsError, match=r"`engine` is tensorflow, which cannot run .*; leave"):
        tune(replace(embedded, load=None), Computing("tensorflow"))


def test_what_no_engine_can_run_is_refused(unconverted):
    message = r"none of openvino, tensorflow can run unet-membrane.keras: it is too new"
    with pytest.raises(ModelError, match=message):
        tune(replace(unconverted, load=None))


def test_threads_are_those_asked_for(embedded):
    network = tune(embedded, Computing("openvino", "float32", threads=1))
    compiled = network.request.get_compiled_model()
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 1


def test_beside_other_processes_it_has_its_share_of_the_threads(embedded, tmp_path):
    beside = Beside(1, Turns(tmp_path / "computing.lock"))
    network = tune(embedded, Computing("openvino", "float32", threads=2, beside=beside))
    numbers = [
        part.request.get_compiled_model().get_property("INFERENCE_NUM_THREADS")
        for part in (network.alone, network.beside)
    ]
    assert numbers == [2, 1]
    np.testing.assert_allclose(probed(network.beside), probed(network), atol=1e-5)


def test_threads_of_tensorflow_are_those_of_the_process(unconverted, tmp_path):
    beside = Beside(1, Turns(tmp_path / "computing.lock"))
    network = tune(unconverted, Computing(precision="float32", beside=beside))
    assert isinstance(network, TensorFlowNetwork)


# --- precision


def test_auto_takes_what_is_fastest(embedded, has_bfloat16, caplog):
    caplog.set_level(logging.INFO)
    has_bfloat16(rounded_unet(embedded.load()))
    rounded = probed(tune(embedded))
    exact = probed(openvino.network(embedded, "float32", None))
    np.testing.assert_allclose(rounded, exact, atol=0.1)
    assert np.abs(rounded - exact).max() > 1e-4
    assert "computing in bfloat16 by openvino: masks agree" in caplog.text


def test_auto_stays_in_float32_where_the_masks_would_change(has_bfloat16, caplog):
    caplog.set_level(logging.INFO)
    has_bfloat16(fragile("bfloat16"))
    network = tune(of_keras(fragile()))
    np.testing.assert_allclose(probed(network), probe.picture(64, 64, 1), atol=1e-4)
    assert "computing in float32 by openvino, not in bfloat16: masks agree" in caplog.text


def test_auto_is_float32_on_a_machine_without(monkeypatch):
    monkeypatch.setattr(openvino, "fastest_precision", lambda: "float32")
    image = probe.picture(64, 64, 1)
    np.testing.assert_allclose(probed(tune(of_keras(fragile()))), image, atol=1e-4)


def test_bfloat16_is_taken_where_it_is_asked_for(has_bfloat16):
    has_bfloat16(fragile("bfloat16"))
    network = tune(of_keras(fragile()), Computing(precision="bfloat16"))
    assert set(np.unique(probed(network))) <= {0.0, 0.5, 1.0}


@pytest.mark.usefixtures("_switches_off")
def test_networks_of_tensorflow_keep_their_precision(embedded, monkeypatch):
    """It looks at its switches whenever a function runs, not when it is made."""
    monkeypatch.setattr(hardware, "fastest_on_cpu", lambda: "bfloat16")
    kinds = ("float32", "bfloat16")
    made = {kind: tensorflow.network(embedded, kind, None) for kind in kinds}
    for precision, network in made.items():
        probed(network)
        options = tf.config.optimizer.get_experimental_options()
        switches = {kind: name for kind, name in tensorflow.SWITCHES.items() if name}
        on = {kind for kind, name in switches.items() if options[name]}
        assert on == {precision} - {"float32"}


@pytest.mark.skipif(hardware.fastest_on_cpu() == "bfloat16", reason="this CPU has bfloat16")
def test_a_cpu_without_it(embedded, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    message = r"`precision` is bfloat16.*no instructions for bfloat16; leave the setting out"
    with pytest.raises(SettingsError, match=message):
        tune(embedded, Computing("openvino", "bfloat16"))
    monkeypatch.setattr(openvino, "fastest_precision", lambda: "bfloat16")
    tune(embedded, Computing("openvino"))
    assert "computing in float32 by openvino, not in bfloat16: this CPU has no" in caplog.text


@pytest.mark.skipif(hardware.fastest_on_cpu() == "float32", reason="this CPU has no bfloat16")
def test_a_cpu_with_it(embedded):
    rounded = probed(tune(embedded, Computing("openvino", "bfloat16")))
    exact = probed(openvino.network(embedded, "float32", None))
    np.testing.assert_allclose(rounded, exact, atol=0.1)
    assert not np.array_equal(rounded, exact)


def test_a_precision_that_openvino_does_not_have(embedded):
    message = r"`precision` is float16, in which unet-membrane.keras cannot be run: .*leave"
    with pytest.raises(SettingsError, match=message):
        tune(embedded, Computing("openvino", "float16"))


# --- the picture that is compared


@pytest.mark.parametrize(("factor", "shift"), [(1, 0), (-1, 1), (2, -1), (1, 0.4)])
def test_the_picture_tells_classes_apart(factor, shift):
    network = openvino.network(of_keras(straight(pointwise(factor, shift))), "float32", None)
    picture, values = _telling_picture(network, 0.5)
    assert set(np.unique(values > 0.5)) == {False, True}
    np.testing.assert_allclose(values, factor * picture + shift, atol=1e-6)


def test_where_no_picture_tells_it_is_the_first_one():
    network = openvino.network(of_keras(straight(pointwise(0, 0.2))), "float32", None)
    picture, _ = _telling_picture(network, 0.5)
    np.testing.assert_array_equal(picture, probe.picture(256, 256, 1))


def test_what_is_converted_is_compared_in_float32(monkeypatch):
    """Whatever precision TensorFlow was left in by a network that ran before."""
    switch = tensorflow.SWITCHES["bfloat16"]
    tf.config.optimizer.set_experimental_options({switch: True})
    of_keras(straight(keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")))
    assert not tf.config.optimizer.get_experimental_options()[switch]
