"""TensorFlow Lite whose inputs and outputs are whole numbers that stand for others."""

from dataclasses import asdict
from types import SimpleNamespace

import keras
import numpy as np
import openvino as ov
import pytest
import tensorflow as tf
from openvino import opset15 as ops

from segmentation import artifacts
from segmentation.errors import ModelError
from segmentation.networks import openvino, unet
from segmentation.networks.conversion import kept, load, readers
from segmentation.networks.conversion.quantized import give_numbers, take_numbers, told
from segmentation.networks.network import Ends, Seen
from segmentation.networks.trained import refusal_of_large
from segmentation.running.segmenter import load as segmenter_of
from support import tiny_models

SIZE = (1, 64, 96, 1)
STEP = 1 / 256  # of probabilities, as 8 bits hold them

pytestmark = [
    pytest.mark.filterwarnings("ignore:Statistics for quantized inputs"),
    pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter:UserWarning"),
]


def quantized(network, pictures, kind, path):
    """A file of TensorFlow Lite whose ends are of a kind."""
    fixed = keras.Input(SIZE[1:], batch_size=1)
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(fixed, network(fixed)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([picture] for picture in pictures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = kind
    path.write_bytes(converter.convert())


def answered(path, picture):
    """What the interpreter answers for a picture, in the numbers that its answers stand for."""
    interpreter = tf.lite.Interpreter(str(path))
    interpreter.allocate_tensors()
    [taken], [given] = interpreter.get_input_details(), interpreter.get_output_details()
    (scale, zero), limits = taken["quantization"], np.iinfo(taken["dtype"])
    stored = np.clip(np.rint(picture / scale + zero), limits.min, limits.max)
    interpreter.set_tensor(taken["index"], stored.astype(taken["dtype"]))
    interpreter.invoke()
    scale, zero = given["quantization"]
    return scale * (interpreter.get_tensor(given["index"]).astype(np.float32) - zero)


def pictures(low, high):
    drawn = np.random.default_rng(5).random((4, *SIZE), np.float32)
    return low + (high - low) * drawn


def network_of(classes=1):
    keras.utils.set_random_seed(5)
    return unet.build(2, input_shape=(None, None, 1), classes=classes)


@pytest.mark.parametrize("kind", [tf.int8, tf.uint8])
@pytest.mark.parametrize("classes", [1, 3])
def test_probabilities_are_those_of_the_interpreter(kind, classes, tmp_path, caplog):
    shown = pictures(0, 1)
    quantized(network_of(classes), shown, kind, tmp_path / "model.tflite")
    segmenter = segmenter_of(tmp_path)
    given = openvino.network(artifacts.load(tmp_path), "float32", None).run(shown[0])
    expected = answered(tmp_path / "model.tflite", shown[0])
    assert np.abs(given - expected).max() <= 2 * STEP
    assert np.ptp(expected) > 10 * STEP
    assert segmenter.network.ends.activation == ("sigmoid" if classes == 1 else "softmax")
    assert "nothing says what it was trained on" not in caplog.text


def ends_of(path):
    return load.of_reading(readers.read(path, path.parent), path.name, None).ends


@pytest.mark.parametrize(("white", "largest"), [(0.9, 1), (255, 255), (240, 255), (65535, 65535)])
def test_the_range_of_the_input_tells_what_white_is(white, largest, tmp_path):
    path = tmp_path / "model.tflite"
    quantized(tiny_models.identity(SIZE[1:3]), pictures(0, white), tf.int8, path)
    ends = ends_of(path)
    assert (ends.largest, ends.quantized, ends.seen) == (largest, True, None)


def test_twelve_bits_are_not_told_from_others(tmp_path):
    path = tmp_path / "model.tflite"
    quantized(tiny_models.identity(SIZE[1:3]), pictures(0, 4095), tf.uint8, path)
    ends = ends_of(path)
    assert ends.largest == 0
    described = SimpleNamespace(name="model.tflite", ends=ends)
    assert "as its input is quantized for such" in refusal_of_large(described)


def test_what_was_standardised_is_refused_until_the_spec_says_it(tmp_path):
    shown = pictures(-1, 1)
    quantized(network_of(), shown, tf.int8, tmp_path / "model.tflite")
    segmenter = segmenter_of(tmp_path)
    with pytest.raises(ModelError, match=r"quantized for numbers from -1 to 1; .*scale_linear"):
        segmenter.preprocessing.fitted(None)


def test_a_range_as_far_below_0_as_above_may_be_a_rule():
    """As of ONNX that is quantized symmetrically: the images may have had 0–1."""
    image = ops.parameter([1, 8, 8, 1], ov.Type.f32)
    span = [np.float32(-1.008), np.float32(1)]
    rounded = ops.fake_quantize(image, *span, *span, levels=256)
    graph = ov.Model([ops.result(ops.relu(rounded))], [image])
    known = Ends()
    assert told(graph, known, asymmetric=False) == known
    ends = told(graph, known, asymmetric=True)
    assert ends.seen
    assert ends.quantized


def test_what_is_kept_of_a_conversion_is_read_again():
    seen = asdict(Ends(seen=Seen(0.0, 0.5), quantized=True))
    assert kept.ends(seen) == Ends(seen=Seen(0.0, 0.5), quantized=True)
    with pytest.raises(ValueError, match="quantized yes"):
        kept.ends(seen | {"quantized": "yes"})


def test_an_input_whose_numbers_are_not_told():
    image = ops.parameter([1, 8, 8, 1], ov.Type.i8)
    halved = ops.multiply(ops.convert(image, "f32"), np.float32(0.5))
    graph = ov.Model([ops.result(halved)], [image])
    assert not take_numbers(image)
    assert not give_numbers(graph.output(0))
