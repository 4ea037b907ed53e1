"""What we stand on of OpenVINO beyond its documentation. An upgrade that changes it fails here."""

import numpy as np
import openvino as ov
import pytest
import tensorflow as tf
from openvino import opset15 as ops

from segmentation.networks import openvino
from segmentation.networks.conversion import rounding


@pytest.fixture
def graph():
    """Three 1×1 convolutions in a row, of one channel each."""
    image = ops.parameter([-1, 1, -1, -1], ov.Type.f32)
    value = image
    for _ in range(3):
        weights = ops.constant(np.ones((1, 1, 1, 1), np.float32))
        value = ops.convolution(value, weights, [1, 1], [0, 0], [0, 0], [1, 1])
    return ov.Model([value], [image])


def exact(model):
    """Of each convolution, whether it is marked as not to be rounded."""
    return [
        any(name.startswith("DisablePrecisionConversion") for name in dict(node.get_rt_info()))
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Convolution"
    ]


def test_the_mark_of_what_is_not_rounded_is_read(graph, tmp_path):
    ov.save_model(graph, tmp_path / "graph.xml")
    rounding.keep_ends_exact(tmp_path / "graph.xml")
    assert exact(ov.Core().read_model(tmp_path / "graph.xml")) == [True, False, True]


def test_the_mark_is_what_openvino_writes_itself(graph, tmp_path):
    ov.save_model(graph, tmp_path / "graph.xml")
    rounding.keep_ends_exact(tmp_path / "graph.xml")
    ov.save_model(ov.Core().read_model(tmp_path / "graph.xml"), tmp_path / "again.xml")
    assert 'value="dynamic:f16"' in (tmp_path / "again.xml").read_text()


def test_a_compiled_graph_says_what_it_computes_in(graph):
    compiled = ov.Core().compile_model(graph, openvino.CPU, {"INFERENCE_PRECISION_HINT": "f32"})
    assert compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"


def test_memory_of_a_compiled_graph_can_be_released(graph):
    compiled = ov.Core().compile_model(graph, openvino.CPU)
    request = compiled.create_infer_request()
    image = np.ones((1, 1, 8, 8), np.float32)
    before = request.infer([image])[0].copy()
    request.get_compiled_model().release_memory()
    np.testing.assert_array_equal(request.infer([image])[0], before)


def test_a_border_before_a_window_of_the_same_size_loses_its_size():
    """The reason of ``simplify._write_padding``: where this fails, it can go."""
    image = ops.parameter([-1, 1, -1, -1], ov.Type.f32)
    border = np.array([0, 0, 1, 1])
    padded = ops.pad(image, border, border, "constant", ops.constant(np.float32(0)))
    weights = ops.constant(np.ones((1, 1, 3, 3), np.float32))
    window = ops.convolution(padded, weights, [1, 1], [0, 0], [0, 0], [1, 1], "same_upper")
    compiled = ov.Core().compile_model(ov.Model([window], [image]), openvino.CPU)
    assert compiled([np.ones((1, 1, 8, 8), np.float32)])[0].shape != (1, 1, 10, 10)


def test_the_logarithm_of_a_softmax_is_read_along_the_width(tmp_path):
    """The reason of ``readers.Reading.doubtful``: where this fails, it can go."""
    weights = np.random.default_rng(0).normal(0, 1, (3, 3, 1, 3)).astype(np.float32)
    module = tf.Module()
    module.run = tf.function(
        lambda x: tf.raw_ops.LogSoftmax(logits=tf.nn.conv2d(x, weights, 1, "SAME")),
        input_signature=[tf.TensorSpec((None, None, None, 1), tf.float32)],
    )
    tf.saved_model.save(module, str(tmp_path), signatures=module.run)
    compiled = ov.Core().compile_model(ov.Core().read_model(tmp_path), openvino.CPU)
    image = np.random.default_rng(1).random((1, 16, 8, 1), np.float32)
    assert np.abs(compiled(image)[0] - module.run(image)).max() > 0.1
