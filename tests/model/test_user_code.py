"""What users write into code/inference.py, each form of it, as they would try it themselves."""

import gzip
import logging
import os
import re
import sys

import numpy as np
import orjson
import pytest

from segmentation import testing
from segmentation.errors import ModelError
from segmentation.wire.media_types import JSON, NPY, NPZ, PNG, TIFF
from serving import contract
from support import bodies, tiny_models

GRAY = np.array([[0, 100, 200], [255, 128, 127]], np.uint8)
MASK = np.array([[0, 0, 255], [255, 255, 0]], np.uint8)
RGB = np.dstack([GRAY, GRAY // 2, GRAY // 4])
YELLOW = [255, 212, 0]


@pytest.fixture(autouse=True)
def _restore(monkeypatch):
    level = logging.getLogger().level
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    yield
    logging.getLogger().setLevel(level)
    sys.modules.pop("inference", None)


@pytest.fixture
def client(tmp_path):
    """Makes a client of a model's folder with some code."""
    clients = []

    def make(source, model=None, **spec):
        if model is not None:
            tiny_models.save(model, tmp_path)
        (tmp_path / "code").mkdir()
        (tmp_path / "code" / "inference.py").write_text("import numpy as np\n" + source)
        if spec:
            (tmp_path / "model.json").write_bytes(orjson.dumps(spec))
        clients.append(testing.Client(tmp_path))
        return clients[-1]

    yield make
    for made in clients:
        made.close()


def ask(client, array=GRAY, attributes="", **options):
    answer = client.post(
        bodies.npy(array), NPY, X_Amzn_SageMaker_Custom_Attributes=attributes, **options
    )
    assert answer.status == 200, answer.body
    return bodies.read(answer.body, answer.content_type)


def refusal(client, attributes="", array=GRAY):
    answer = client.post(bodies.npy(array), NPY, X_Amzn_SageMaker_Custom_Attributes=attributes)
    return answer.status, orjson.loads(answer.body)["message"]


# --- input_fn


def input_fn(expression):
    return f"""
def input_fn(body, content_type):
    stored = np.frombuffer(body, np.uint8).astype(np.float32).reshape(2, 3)
    return {expression}
"""


@pytest.mark.parametrize(
    "expression",
    [
        "stored",
        "stored[..., None]",
        "stored.astype(np.float64)",
        "np.tile(stored, (1, 2))[None]",  # three columns would be channels
        "stored[None, ..., None]",
        "stored / 127.5 - 1",
        "(stored - stored.mean()) / stored.std()",
    ],
)
def test_an_input_fn_gives_the_network_what_it_returns(client, expression):
    step = {"id": "scale_linear", "kwargs": {"gain": 0, "offset": 0.5}}  # is not for these
    logits = {"postprocessing": [{"id": "sigmoid"}]}
    served = client(input_fn(expression), tiny_models.identity(), preprocessing=[step], **logits)
    answer = served.post(
        GRAY.tobytes(), "x/y", X_Amzn_SageMaker_Custom_Attributes="output=probability"
    )
    assert (answer.status, answer.content_type) == (200, JSON)
    stored = GRAY.astype(np.float32)
    given = eval(expression, {"stored": stored, "np": np})
    expected = 1 / (1 + np.exp(-np.maximum(given, 0)))  # the identity ends with ReLU
    expected = expected[..., 0] if given.shape[-1] == 1 else expected
    np.testing.assert_allclose(orjson.loads(answer.body), expected, rtol=1e-5)


def test_numbers_of_a_network_that_are_no_probabilities_are_refused(client):
    served = client(input_fn("stored"), tiny_models.identity())
    answer = served.post(GRAY.tobytes(), "x/y")
    assert answer.status == 500
    assert "; probabilities are 0–1; if they are logits" in orjson.loads(answer.body)["message"]


def test_whole_numbers_of_an_input_fn_are_intensities(client):
    served = client(input_fn("stored.astype(np.uint8)"), tiny_models.identity())
    assert orjson.loads(served.post(GRAY.tobytes(), "x/y").body) == MASK.tolist()


def test_an_overlay_of_any_numbers_goes_from_the_least_to_the_largest(client):
    numbers = input_fn("stored * 10 - 2000")
    served = client(numbers, tiny_models.identity(), postprocessing=[{"id": "sigmoid"}])
    answer = served.post(
        GRAY.tobytes(), "x/y", PNG, X_Amzn_SageMaker_Custom_Attributes="output=overlay"
    )
    drawn = bodies.read(answer.body, PNG)
    assert drawn[0, 0].tolist() == [0, 0, 0]
    assert drawn[0, 1].tolist() == [100, 100, 100]


@pytest.mark.parametrize("number", ["np.nan", "np.inf", "1e300"])
def test_what_no_network_can_take_is_refused(client, number):
    served = client(input_fn(f"stored.astype(float) + {number}"), tiny_models.identity())
    answer = served.post(GRAY.tobytes(), "x/y")
    assert answer.status == 400
    assert "NaN or infinity" in orjson.loads(answer.body)["message"]


# --- predict_fn

MODEL_FN = """
def model_fn(model_dir):
    return lambda images: images
"""
PREDICT_FN = """
def predict_fn(data, model):
    return {}
"""


@pytest.mark.parametrize(
    "expression",
    [
        "np.asarray(data) / 255.0",
        "data / 255.0",
        "data[None] / 255",
        "data.astype(np.float32)[None, ..., None] / 255",
        "model(np.asarray(data, np.float32)[None, ..., None]) / 255",
        "np.divide(data, 255)[..., None]",
        "np.stack([data])[..., None] / 255",
    ],
)
def test_a_predict_fn_may_take_its_data_for_an_array(client, expression):
    served = client(MODEL_FN + PREDICT_FN.format(expression))
    np.testing.assert_array_equal(ask(served), MASK)
    expected = [[0, 0, 0], [255, 0, 0]]
    np.testing.assert_array_equal(ask(served, attributes="threshold=0.9"), expected)
    probability = ask(served, attributes="output=probability")
    np.testing.assert_allclose(probability, GRAY / 255, rtol=1e-6)
    overlay = ask(served, attributes="output=overlay", accept=PNG)
    assert (overlay[MASK > 0] == YELLOW).all()
    np.testing.assert_array_equal(overlay[MASK == 0], np.dstack([GRAY] * 3)[MASK == 0])
    assert served.post(bodies.png(GRAY), PNG).content_type == PNG


def test_what_a_predict_fn_sees_is_what_was_sent(client):
    source = """
def predict_fn(data, model):
    assert (len(data), data.ndim, data.shape, data.dtype) == (2, 3, (2, 3, 3), np.uint8)
    assert np.asarray(data).dtype == np.uint8 and int(data.max()) == 255
    data /= 255
    return data[..., :1]
"""
    np.testing.assert_array_equal(ask(client(MODEL_FN + source), RGB), MASK)


def test_stacks_and_classes_of_a_predict_fn(client):
    source = PREDICT_FN.format("np.stack([1 - data / 255, data / 255], axis=-1)")
    served = client(MODEL_FN + source)
    stack = np.stack([GRAY, 255 - GRAY])
    np.testing.assert_array_equal(ask(served, stack), np.stack([MASK, 255 - MASK]) / 255)
    np.testing.assert_array_equal(ask(served, GRAY), MASK / 255)
    np.testing.assert_array_equal(ask(served, stack, accept=TIFF).shape, (2, 2, 3))
    status, message = refusal(served, "threshold=0.4")
    assert (status, "2 classes" in message) == (400, True)


def test_the_threshold_of_model_json_holds_for_a_predict_fn(client):
    served = client(MODEL_FN + PREDICT_FN.format("data / 255"), threshold=0.9)
    np.testing.assert_array_equal(ask(served), [[0, 0, 0], [255, 0, 0]])


def test_a_malformed_model_json_is_refused_beside_a_predict_fn_too(client):
    with pytest.raises(ModelError, match="did you mean 'threshold'"):
        client(MODEL_FN + PREDICT_FN.format("data / 255"), treshold=0.9)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(np.asarray(data) > 127).astype(np.uint8) * 255", MASK),
        ("data > 127", MASK),
        ("(data > 127)[None]", MASK),
        ("np.asarray(data) // 100", GRAY // 100),
        ("np.asarray(data).astype(int) // 100", GRAY // 100),
    ],
)
def test_a_finished_mask_of_a_predict_fn(client, expression, expected):
    served = client(MODEL_FN + PREDICT_FN.format(expression))
    answer = ask(served)
    assert answer.dtype == np.uint8
    np.testing.assert_array_equal(answer, expected)
    assert ask(served, attributes="output=overlay", accept=PNG).shape == (2, 3, 3)
    for attributes in ("output=probability", "threshold=0.5"):
        status, message = refusal(served, attributes)
        assert (status, "finished mask" in message) == (400, True)


def test_masks_of_classes_that_overlap(client):
    source = MODEL_FN + PREDICT_FN.format("np.stack([data > 127, data > 99], axis=-1)")
    served = client(source, multilabel=True)
    expected = np.stack([MASK, (GRAY > 99) * np.uint8(255)], axis=-1)
    np.testing.assert_array_equal(ask(served), expected)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("data * 1.0", "floats from 0 to 255; probabilities are 0–1"),
        ("data * np.nan", "NaN"),
        ("np.zeros((1, 1, 1, 2, 3))", "returned 1×1×1×2×3; it must return"),
        ("np.dstack([data, data, data])", "returned uint8 of 1×2×3×3"),
        ("np.asarray(data).astype(int) - 1", "from -1"),
    ],
)
def test_what_a_predict_fn_must_not_return(client, expression, message):
    status, said = refusal(client(MODEL_FN + PREDICT_FN.format(expression)))
    assert status == 500
    assert message in said


def test_options_that_only_our_predict_fn_knows(client):
    served = client(MODEL_FN + PREDICT_FN.format("data / 255"))
    for attributes in ("channel=0", "augment=8"):
        status, message = refusal(served, attributes)
        assert (status, "another one" in message) == (400, True)


def test_a_predict_fn_that_changes_the_size(client):
    served = client(MODEL_FN + PREDICT_FN.format("data[:1] / 255"))
    answer = served.post(bodies.npy(GRAY), NPY)
    np.testing.assert_array_equal(answer.array(), MASK[:1])
    assert "the answer has 1x3 pixels, and what was sent has 2x3" in answer.headers["warning"]
    status, message = refusal(served, "output=overlay")
    assert (status, "changed in size" in message) == (400, True)


def test_input_fn_and_predict_fn(client):
    served = client(MODEL_FN + input_fn("stored / 255") + PREDICT_FN.format("data"))
    answer = served.post(GRAY.tobytes(), "x/y")
    assert (answer.content_type, answer.array().tolist()) == (JSON, MASK.tolist())


def test_what_is_no_image_is_encoded_by_the_toolkit(client):
    served = client(MODEL_FN + PREDICT_FN.format("{'cells': 3}"))
    answer = served.post(bodies.npy(GRAY), NPY, JSON)
    assert orjson.loads(answer.body) == {"cells": 3}


KERAS = """
import keras

def model_fn(model_dir):
    image = keras.Input((None, None, 1))
    return keras.Model(image, keras.layers.Rescaling(1 / 255)(image))

def predict_fn(data, model):
    return {}
"""


@pytest.mark.parametrize(
    "expression",
    [
        "model.predict(np.asarray(data)[None, ..., None], verbose=0)",
        "model(data[None, ..., None])",
        "model(data.reshape(1, *data.shape, 1))[0]",
        "__import__('tensorflow').convert_to_tensor(data) / 255",
    ],
)
def test_a_predict_fn_with_a_keras_model(client, expression, caplog):
    served = client(KERAS.format(expression))
    assert "computing in" not in caplog.text  # nothing is converted that is not run
    np.testing.assert_array_equal(ask(served), MASK)
    np.testing.assert_allclose(ask(served, attributes="output=probability"), GRAY / 255, rtol=1e-5)


@pytest.mark.parametrize(
    "expression",
    [
        "model(data)",
        "model.predict(np.asarray(data), verbose=0)",
        "model(np.asarray(data, np.float32)[None, ..., None] / 255)[0]",
    ],
)
def test_a_predict_fn_with_the_model_of_the_server(client, expression):
    """As a Keras model is called, though it is none."""
    code = f"def predict_fn(data, model):\n    return {expression}\n"
    served = client(code, tiny_models.identity())
    np.testing.assert_array_equal(ask(served), MASK)
    np.testing.assert_allclose(ask(served, attributes="output=probability"), GRAY / 255, rtol=1e-5)


# --- model_fn


FUNCTIONS = {
    "a function": "lambda images: images",
    "without classes": "lambda images: images[..., 0]",
    "an object": "type('Model', (), {'__call__': lambda self, images: images})()",
    "a predict": "type('Model', (), {'predict': lambda self, images: images})()",
}


def model_fn(expression, imports=""):
    return f"{imports}\ndef model_fn(model_dir):\n    return {expression}\n"


@pytest.mark.parametrize("expression", FUNCTIONS.values(), ids=FUNCTIONS)
def test_whatever_can_be_called_is_served(client, expression, caplog):
    served = client(model_fn(expression))
    assert "no input_shape" in caplog.text
    np.testing.assert_array_equal(ask(served), MASK)
    assert "is called as it is" in caplog.text
    stack = np.stack([GRAY, 255 - GRAY])
    expected = np.stack([MASK, 255 - MASK])
    np.testing.assert_array_equal(ask(served, stack[..., None]), expected)
    np.testing.assert_array_equal(ask(served, attributes="augment=8"), MASK)
    large = np.random.default_rng(0).integers(0, 256, (1100, 700), np.uint8)
    np.testing.assert_array_equal(ask(served, large), (large > 127) * np.uint8(255))


MODULE = """
import tensorflow as tf

class Net(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)])
    def __call__(self, images):
        return tf.reduce_mean(images, axis=-1, keepdims=True)

def model_fn(model_dir):
    return Net()
"""


def test_a_tf_module_that_takes_one_number_of_channels(client):
    served = client(MODULE)
    np.testing.assert_array_equal(ask(served, np.dstack([GRAY] * 3)), MASK)
    np.testing.assert_array_equal(ask(served), MASK)  # gray is repeated


SIZED = """
class Model:
    input_shape = (None, 32, 32, 1)
    def __call__(self, images):
        assert images.shape[1:] == (32, 32, 1), images.shape
        return images

def model_fn(model_dir):
    return Model()
"""


def test_the_size_that_a_model_says(client, caplog):
    served = client(SIZED)
    assert "(N, 32, 32, 1)" in caplog.text  # it is tried out before the first request
    large = np.random.default_rng(0).integers(0, 256, (50, 70), np.uint8)
    np.testing.assert_array_equal(ask(served, large), (large > 127) * np.uint8(255))


def test_a_stride_is_found(client, caplog):
    blocks = (
        "lambda x: x.reshape(len(x), x.shape[1] // 4, 4, x.shape[2] // 4, 4, 1).reshape(x.shape)"
    )
    served = client(model_fn(blocks))
    np.testing.assert_array_equal(ask(served), MASK)
    assert "in multiples of 4" in caplog.text


def test_model_json_holds_for_what_is_called(client):
    gain = {"id": "scale_linear", "kwargs": {"gain": 255}}
    served = client(
        model_fn("lambda x: (x - 127.5)"),
        preprocessing=[gain],
        postprocessing=[{"id": "sigmoid"}],
        threshold=0.9,
    )
    np.testing.assert_array_equal(ask(served), (GRAY > 129) * np.uint8(255))


def test_channels_are_chosen_for_what_is_called(client):
    served = client(model_fn("lambda images: images[..., :1]"))
    expected = (RGB[..., 1] > 76) * np.uint8(255)
    np.testing.assert_array_equal(ask(served, RGB, "channel=1, threshold=0.3"), expected)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("lambda images: images * 255", "0–1; if they are logits, say so in model.json"),
        ("lambda images: images * np.nan", "NaN"),
        ("lambda images: images[:, 1:]", r"gives (1, 383, 384, 1) for (1, 384, 384, 1)"),
        ("lambda images: {}['x']", "fails for (1, 384, 384, 1): 'x'"),
    ],
)
def test_what_is_called_and_gives_no_probabilities(client, expression, message):
    status, said = refusal(client(model_fn(expression)))
    assert status == 500
    assert message in said


def test_what_cannot_be_called_is_refused_when_it_is_loaded(client):
    with pytest.raises(ModelError, match="returned dict, which cannot be called"):
        client(model_fn("{}"))


def test_what_cannot_be_called_is_for_a_predict_fn(client):
    served = client(model_fn("{'gain': 1 / 255}") + PREDICT_FN.format("data * model['gain']"))
    np.testing.assert_array_equal(ask(served), MASK)


# --- the client


def test_modules_of_the_code_go_with_the_client(tmp_path):
    for word in ("one", "two"):
        (tmp_path / word / "code").mkdir(parents=True)
        (tmp_path / word / "code" / "helper.py").write_text(f"WORD = {word!r}")
        (tmp_path / word / "code" / "inference.py").write_text(
            "import helper\n"
            "def model_fn(model_dir):\n    return None\n"
            "def transform_fn(model, body, content_type, accept):\n"
            "    return helper.WORD, 'text/plain'\n"
        )
        with testing.Client(tmp_path / word) as served:
            assert served.post(b"").body == word


# --- channels


def test_gray_images_for_a_network_of_colour(tmp_path):
    with testing.Client(tiny_models.save(tiny_models.mean_of_rgb(), tmp_path)) as served:
        for body in (bodies.png(GRAY), bodies.png(np.dstack([GRAY, np.full_like(GRAY, 255)]))):
            np.testing.assert_array_equal(served.post(body, PNG).array(), MASK)
        overlay = served.post(
            bodies.png(GRAY), PNG, X_Amzn_SageMaker_Custom_Attributes="output=overlay"
        )
        assert (bodies.read(overlay.body, PNG)[MASK > 0] == YELLOW).all()


def test_colour_images_for_a_network_of_gray(tmp_path):
    with testing.Client(tiny_models.save(tiny_models.identity(), tmp_path)) as served:
        np.testing.assert_array_equal(ask(served, np.dstack([GRAY] * 3)), MASK)
        status, message = refusal(served, array=RGB)
        assert (status, "or choose one with channel=0" in message) == (400, True)
        np.testing.assert_array_equal(ask(served, RGB, "channel=0"), MASK)
        status, message = refusal(served, "channel=3", RGB)
        assert (status, "choose from 0 to 2" in message) == (400, True)
        choose = {"X_Amzn_SageMaker_Custom_Attributes": "channel=1, threshold=0.3"}
        jpeg = served.post(
            bodies.jpeg(np.dstack([GRAY * 0, GRAY, GRAY * 0])), "image/jpeg", **choose
        )
        assert jpeg.status == 200


@pytest.mark.parametrize("encode", [bodies.npy, bodies.npz, bodies.json_array])
def test_many_channels(tmp_path, encode):
    kernel = np.zeros((16, 1))
    kernel[11] = 1  # the network looks at this channel
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 16), np.uint8)
    model = tiny_models._pointwise(16, kernel, "relu")
    media_type = {bodies.npy: NPY, bodies.npz: NPZ, bodies.json_array: JSON}[encode]
    with testing.Client(tiny_models.save(model, tmp_path)) as served:
        answer = served.post(encode(pixels), media_type, NPY)
        np.testing.assert_array_equal(answer.array(), (pixels[..., 11] > 127) * 255)


# --- how functions are called


@pytest.mark.parametrize(
    ("parameters", "threshold"),
    [
        ("data, model", 0.5),
        ("data, model, context", "context"),
        ("data, model, ctx", "context"),
        ("data, model, *, context", "context"),
        ("data, model, threshold=0.5, context=None", "context"),
        ("data, model, threshold=0.5", 0.5),
        ("data, model, **settings", 0.5),
        ("*given", 0.5),
    ],
)
def test_who_gets_the_context(client, parameters, threshold):
    source = f"""
def predict_fn({parameters}):
    known = locals()
    context = known.get("context") or known.get("ctx")
    default = known.get("threshold", 0.5)
    return {{"context": type(context).__name__, "threshold": default}}
"""
    answer = orjson.loads(client(MODEL_FN + source).post(bodies.npy(GRAY), NPY, JSON).body)
    assert answer == {
        "context": "Context" if threshold == "context" else "NoneType",
        "threshold": 0.5,
    }


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def predict_fn(data): pass", r"takes \(data\); it must be predict_fn\(data, model\)"),
        ("def predict_fn(self, data, model, a): pass", r"takes \(self, data, model, a\)"),
        ("async def predict_fn(data, model): pass", "is a coroutine"),
        ("predict_fn = 5", "is 5; it must be a function"),
        ("def output_fn(prediction): pass", r"must be output_fn\(prediction, accept\)"),
        ("def transform_fn(model, body): pass", "transform_fn of code/inference.py takes"),
    ],
)
def test_a_function_of_other_parameters_is_refused_when_it_is_loaded(client, source, message):
    with pytest.raises(ModelError, match=message):
        client(MODEL_FN + source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "def predict_fn(data, model): print(1)",
            "predict_fn of code/inference.py returned noth",
        ),
        ("def predict_fn(data, model): return data.nowhere", "failed with AttributeError"),
        (
            "def output_fn(prediction, accept): pass",
            "output_fn of code/inference.py returned noth",
        ),
        ("def output_fn(prediction, accept): yield b''", "returned a generator"),
        ("def output_fn(prediction, accept): return None, accept", "returned (nothing, a str)"),
        (
            "def input_fn(body, content_type): pass",
            "input_fn of code/inference.py returned noth",
        ),
        (
            "def input_fn(body, content_type): return {}",
            "input_fn returned a dict, an array of",
        ),
        ("def input_fn(body, content_type): return 1 / 0", "failed with ZeroDivisionError"),
        (
            "def predict_fn(data, model): return np.zeros((1, 5, *data.shape))",
            "1×5×2×3 for images of 2×3; classes come last: return np.moveaxis(values, 1, -1)",
        ),
        (
            "def predict_fn(data, model): return np.zeros((5, *data.shape))",
            "classes come last: return np.moveaxis(values, 0, -1)",
        ),
    ],
)
def test_mistakes_of_functions_are_theirs(client, source, message):
    status, said = refusal(client(source, tiny_models.identity()))
    assert status == 500
    assert message in said


def test_a_type_that_the_code_does_not_take_is_415(client):
    source = """
from sagemaker_inference.errors import UnsupportedFormatError

def input_fn(body, content_type):
    raise UnsupportedFormatError(content_type)
"""
    assert refusal(client(source, tiny_models.identity()))[0] == 415


def test_an_output_fn_may_take_the_answer_for_an_array(client):
    source = """
def output_fn(prediction, accept):
    assert prediction.shape == (2, 3) and prediction.dtype == np.uint8 and len(prediction) == 2
    assert ((prediction > 127) == (np.asarray(prediction) == 255)).all()
    return {"mask": prediction[0].tolist(), "mean": float(prediction.mean())}
"""
    answer = client(source, tiny_models.identity()).post(bodies.npy(GRAY), NPY)
    assert answer.body == {"mask": MASK[0].tolist(), "mean": MASK.mean()}


INPUT_FN = """
def input_fn(body, content_type):
    return np.full((1, len(body)), len(content_type))
"""


def test_codings_are_undone_for_an_input_fn(client):
    source = INPUT_FN + "def predict_fn(data, model):\n    return {'bytes': data.shape[1]}"
    served = client(MODEL_FN + source)
    for content_type in ("x/y", JSON):
        answer = served.post(gzip.compress(b"hello"), content_type, JSON, Content_Encoding="gzip")
        assert orjson.loads(answer.body) == {"bytes": 5}


def test_an_input_fn_is_told_the_type_of_a_form(client):
    source = INPUT_FN + "def predict_fn(data, model):\n    return {'type': int(data[0, 0])}"
    form = "multipart/form-data; boundary=x"
    headers = {contract.FORM_HEADER.replace("-", "_"): form}
    answer = client(MODEL_FN + source).post(b"form", "application/octet-stream", JSON, **headers)
    assert orjson.loads(answer.body) == {"type": len(form)}


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("code/predict.py", "code/ has predict.py and no inference.py"),
        ("code/inference.py", "has none of pre_model_fn, .*; it has handler, preprocess_fn"),
        ("inference.py", "lies beside the model and is not used; move it to code/inference.py"),
    ],
)
def test_code_that_is_not_used_is_told(file, said, tmp_path, caplog):
    tiny_models.save(tiny_models.identity(), tmp_path)
    (tmp_path / "code").mkdir()
    text = "def handler(event):\n    pass\ndef preprocess_fn(data):\n    pass\n"
    (tmp_path / file).write_text(text)
    with testing.Client(tmp_path):
        assert re.search(said, caplog.text)
