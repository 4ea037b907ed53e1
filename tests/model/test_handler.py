"""The handler chain through the real Transformer and MMS's own Context, without HTTP."""

import gzip
import io
import logging
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import orjson
import pytest
from mms.context import Context
from PIL import Image

import handler_service
import inference_handler
from inference_handler import UNetInferenceHandler
from segmentation import artifacts, machine, testing
from segmentation.errors import ModelError, OutOfMemory
from serving.contract import GONE, LOAD_ERRORS
from serving.settings import Settings
from support import bodies, tiny_models

GRAY = np.array([[0, 100, 200], [255, 128, 127]], np.uint8)
MASK = np.array([[0, 0, 255], [255, 255, 0]], np.uint8)


class Client(testing.Client):
    """Answers as (status, content type, body)."""

    def __init__(self, model_dir, settings=None):
        super().__init__(model_dir)
        if settings:
            transformer = handler_service.UNetTransformer(UNetInferenceHandler(settings))
            transformer.validate_and_initialize(str(model_dir), self._context)
            self._service._service = transformer

    def post(self, body, content_type="image/png", accept=None, **headers):
        answer = super().post(body, content_type, accept, **headers)
        return answer.status, answer.content_type, answer.body


@pytest.fixture(scope="module")
def identity(tmp_path_factory) -> Path:
    return tiny_models.save(tiny_models.identity(), tmp_path_factory.mktemp("identity"))


@pytest.fixture(autouse=True)
def _restore_log_level():
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


@pytest.fixture(autouse=True)
def _restore_import_path(monkeypatch):
    monkeypatch.setattr(sys, "path", sys.path.copy())
    # the toolkit adds the model's code/ to it; servers that other tests start must not see that
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    yield
    sys.modules.pop("inference", None)


@pytest.fixture
def client(identity):
    return Client(identity)


def read_png(body):
    return np.array(Image.open(io.BytesIO(body)))


def test_png_in_png_out(client):
    status, content_type, answer = client.post(bodies.png(GRAY))
    assert (status, content_type) == (200, "image/png")
    np.testing.assert_array_equal(read_png(answer), MASK)


def test_a_body_that_has_been_read_takes_no_more_memory(client):
    for body, content_type in (  # an NPY is the memory of its images
        (bodies.png(GRAY), "image/png"),
        (bodies.npz(GRAY), "application/x-npz"),
    ):
        buffer = bytearray(body)  # as MMS hands it over
        assert client.post(buffer, content_type)[0] == 200
        assert not buffer


def test_json_in_json_out(client):
    status, content_type, answer = client.post(bodies.json_array(GRAY), "application/json")
    assert (status, content_type) == (200, "application/json")
    assert orjson.loads(answer) == MASK.tolist()


def test_header_names_in_any_case(client):
    body = bodies.json_array(GRAY)
    status, content_type, _ = client.post(
        body, None, CONTENT_TYPE="application/json", ACCEPT="application/x-npy"
    )
    assert (status, content_type) == (200, "application/x-npy")


def test_attributes_belong_to_one_request(client):
    body = bodies.json_array(GRAY)
    attributes = {"X_Amzn_SageMaker_Custom_Attributes": "output=probability"}
    _, _, probability = client.post(body, "application/json", **attributes)
    np.testing.assert_allclose(orjson.loads(probability), GRAY / 255, rtol=1e-6)
    _, _, mask = client.post(body, "application/json")
    assert orjson.loads(mask) == MASK.tolist()


def test_a_depth_that_a_16_bit_image_looks_like_is_a_warning(identity):
    body = bodies.npy(GRAY.astype(np.uint16) * 16)
    with testing.Client(identity) as client:
        answer = client.post(body, "application/x-npy", "application/x-npy")
        assert not answer.array().any()
        assert "12-bit camera" in answer.headers["warning"]
        assert "range=4095" in answer.headers["x-amzn-sagemaker-custom-attributes"]
        said = {"X_Amzn_SageMaker_Custom_Attributes": "range=4080"}
        answer = client.post(body, "application/x-npy", "application/x-npy", **said)
        np.testing.assert_array_equal(answer.array(), MASK)
        assert "camera" not in answer.headers.get("warning", "")


def test_a_range_that_the_spec_tells(tmp_path):
    tiny_models.save(tiny_models.identity(), tmp_path)
    (tmp_path / "model.json").write_text('{"range": [0, 4080]}')
    body = bodies.npy(GRAY.astype(np.uint16) * 16)
    with testing.Client(tmp_path) as client:
        answer = client.post(body, "application/x-npy", "application/x-npy")
        np.testing.assert_array_equal(answer.array(), MASK)
        other = {"X_Amzn_SageMaker_Custom_Attributes": "range=65535"}
        assert not client.post(body, "application/x-npy", **other).array().any()


def test_intensities_in_json_are_taken_for_what_they_are(identity):
    with testing.Client(identity) as client:
        answer = client.post(orjson.dumps((GRAY / 255).tolist()), "application/json")
        assert orjson.loads(answer.body) == MASK.tolist()
        assert "range=255" in answer.headers["warning"]


def test_options_in_the_body_and_in_the_address(client):
    content = {"instances": GRAY.tolist(), "parameters": {"output": "probability"}}
    _, _, answer = client.post(orjson.dumps(content), "application/json")
    np.testing.assert_allclose(orjson.loads(answer), GRAY / 255, rtol=1e-6)
    _, _, answer = client.post(
        orjson.dumps(content), "application/json", X_Unet_Query="output=mask&threshold=0.75"
    )
    assert orjson.loads(answer) == [[0, 0, 255], [255, 0, 0]]


def test_threshold_of_the_request(client):
    _, _, answer = client.post(
        bodies.json_array(GRAY),
        "application/json",
        X_Amzn_SageMaker_Custom_Attributes="threshold=0.75",
    )
    assert orjson.loads(answer) == [[0, 0, 255], [255, 0, 0]]


def test_precedence_of_thresholds(tmp_path):
    tiny_models.save(tiny_models.identity(), tmp_path)
    (tmp_path / "model.json").write_text('{"threshold": 0.75}')
    body = bodies.json_array(GRAY)
    assert orjson.loads(Client(tmp_path).post(body, "application/json")[2])[1] == [255, 0, 0]
    server = Client(tmp_path, Settings(threshold=0.3))
    assert orjson.loads(server.post(body, "application/json")[2])[0] == [0, 255, 255]


@pytest.mark.parametrize("augment", [1, 8])
def test_augment_changes_nothing_for_a_symmetric_model(client, augment):
    attributes = f"augment={augment}"
    _, _, answer = client.post(bodies.png(GRAY), X_Amzn_SageMaker_Custom_Attributes=attributes)
    np.testing.assert_array_equal(read_png(answer), MASK)


def test_overlay_of_an_rgb_model(tmp_path):
    client = Client(tiny_models.save(tiny_models.mean_of_rgb(), tmp_path))
    rgb = np.stack([GRAY, GRAY, GRAY], axis=-1)
    status, _, answer = client.post(
        bodies.png(rgb), X_Amzn_SageMaker_Custom_Attributes="output=overlay"
    )
    assert status == 200
    picture = read_png(answer)
    np.testing.assert_array_equal(picture[MASK == 0], rgb[MASK == 0])
    assert (picture[MASK == 255] == [255, 212, 0]).all()


def test_classes(tmp_path):
    client = Client(tiny_models.save(tiny_models.five_classes(), tmp_path))
    body = bodies.json_array(GRAY)
    assert orjson.loads(client.post(body, "application/json")[2]) == [[0, 4, 4], [4, 4, 4]]
    attributes = {"X_Amzn_SageMaker_Custom_Attributes": "output=probability"}
    _, _, answer = client.post(body, "application/json", **attributes)
    assert np.shape(orjson.loads(answer)) == (2, 3, 5)
    attributes = {"X_Amzn_SageMaker_Custom_Attributes": "threshold=0.5"}
    assert client.post(body, "application/json", **attributes)[0] == 400


@pytest.mark.parametrize(("accept", "known"), [("image/png", True), ("text/html", False)])
def test_a_default_accept_that_no_answer_has_is_told(accept, known, caplog):
    UNetInferenceHandler(Settings(default_accept=accept))
    assert ("is 'text/html', which is no format of answers" in caplog.text) is not known


def test_default_accept_of_the_server(identity):
    client = Client(identity, Settings(default_accept="application/x-npy"))
    assert client.post(bodies.png(GRAY))[1] == "application/x-npy"
    assert client.post(bodies.png(GRAY), accept="*/*")[1] == "application/x-npy"
    assert client.post(bodies.png(GRAY), accept="image/*")[1] == "image/png"


def test_answers_too_large_for_the_server(identity):
    client = Client(identity, Settings(max_payload_mb=1))
    body = bodies.npy(np.zeros((1024, 1024), np.uint8))
    status, _, answer = client.post(body, "application/x-npy")
    assert status == 406
    assert "1,048,704 bytes" in orjson.loads(answer)["message"]


def test_errors_are_json_without_a_trace(client):
    status, content_type, answer = client.post(b"[[300]]", "application/json")
    assert (status, content_type) == (400, "application/json")
    error = orjson.loads(answer)
    assert error.keys() == {"code", "type", "message"}
    assert error["code"] == 400
    assert error["type"] == "BadRequest"
    assert "Traceback" not in error["message"]


def test_text_that_is_no_utf8(client):
    status, _, answer = client.post(b"1,\xff", "text/csv")
    assert status == 400
    assert "UTF-8" in orjson.loads(answer)["message"]


def test_a_fault_of_ours_is_500_and_says_nothing_of_the_code(client, monkeypatch, caplog):
    monkeypatch.setattr(inference_handler, "read", lambda *_: 1 / 0)
    status, _, answer = client.post(bodies.png(GRAY))
    assert status == 500
    assert "request-1" in orjson.loads(answer)["message"]
    assert "ZeroDivisionError" not in answer.decode()
    assert "ZeroDivisionError" in caplog.text


def test_out_of_memory_is_507(client, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(inference_handler, "read", fail)
    assert client.post(bodies.png(GRAY))[0] == 507


def write_code(model_dir: Path, source: str) -> Path:
    (model_dir / "code").mkdir(exist_ok=True)
    (model_dir / "code" / "inference.py").write_text(source)
    return model_dir


def test_input_fn_of_the_user(tmp_path):
    tiny_models.save(tiny_models.identity(), tmp_path)
    source = """
import numpy as np

def input_fn(body, content_type):
    return np.frombuffer(body, np.uint8).reshape(2, 3)
"""
    client = Client(write_code(tmp_path, source))
    status, content_type, answer = client.post(GRAY.tobytes(), "application/octet-stream")
    assert (status, content_type) == (200, "application/json")
    assert orjson.loads(answer) == MASK.tolist()


def test_output_fn_of_the_user(tmp_path):
    tiny_models.save(tiny_models.identity(), tmp_path)
    source = """
import numpy as np

def output_fn(prediction, accept):
    return str((np.asarray(prediction) > 0).sum()), "text/plain"
"""
    client = Client(write_code(tmp_path, source))
    assert client.post(bodies.png(GRAY)) == (200, "text/plain", "3")


def test_classes_that_overlap_have_a_plane_each(tmp_path):
    client = Client(tiny_models.save(tiny_models.two_overlapping(), tmp_path))
    expected = np.stack([(GRAY > 0) * 255, np.zeros_like(GRAY)], axis=-1)
    status, _, answer = client.post(bodies.npy(GRAY), "application/x-npy")
    assert status == 200
    np.testing.assert_array_equal(bodies.read(answer, "application/x-npy"), expected)
    status, _, answer = client.post(bodies.png(GRAY), Accept="image/png")
    assert status == 406  # of several planes
    assert b"image/tiff" in answer


def test_an_overlay_of_classes_that_overlap_is_one_picture(tmp_path):
    client = Client(tiny_models.save(tiny_models.two_overlapping(), tmp_path))
    attributes = {"X-Amzn-SageMaker-Custom-Attributes": "output=overlay"}
    status, _, answer = client.post(bodies.png(GRAY), **attributes)
    assert status == 200
    assert read_png(answer).shape == (*GRAY.shape, 3)


def test_a_predict_fn_that_passes_on_what_the_model_gives_changes_nothing(tmp_path):
    write_code(tmp_path, "def predict_fn(data, model):\n    return model(data)\n")
    client = Client(tiny_models.save(tiny_models.two_overlapping(), tmp_path))
    answer = client.post(bodies.npy(GRAY), "application/x-npy")[2]
    assert bodies.read(answer, "application/x-npy").shape == (*GRAY.shape, 2)


INVERTING_MODEL_FN = """
import keras

def model_fn(model_dir):
    image = keras.Input((None, None, 1))
    return keras.Model(image, keras.layers.Rescaling(-1.0, 1.0)(image))
"""


def test_model_fn_of_the_user_may_return_a_keras_model(tmp_path):
    client = Client(write_code(tmp_path, INVERTING_MODEL_FN))
    np.testing.assert_array_equal(read_png(client.post(bodies.png(GRAY))[2]), 255 - MASK)


def test_model_json_holds_for_the_model_fn_of_the_user_too(tmp_path):
    (tmp_path / "model.json").write_text('{"threshold": 0.1}')
    client = Client(write_code(tmp_path, INVERTING_MODEL_FN))
    answer = client.post(bodies.json_array(GRAY), "application/json")[2]
    assert orjson.loads(answer) == [[255, 255, 255], [0, 255, 255]]


def test_a_malformed_model_json_is_refused_beside_a_model_fn_too(tmp_path):
    (tmp_path / "model.json").write_text('{"treshold": 0.1}')
    with pytest.raises(ModelError, match="did you mean 'threshold'"):
        Client(write_code(tmp_path, INVERTING_MODEL_FN))


def test_a_network_of_fixed_batch_size_answers_more_than_one_tile(tmp_path):
    tiny_models.save(tiny_models.identity((32, 32), batch=1), tmp_path)
    stack = np.arange(2 * 40 * 50, dtype=np.uint8).reshape(2, 40, 50)
    status, _, answer = Client(tmp_path).post(bodies.npy(stack), "application/x-npy")
    assert status == 200
    np.testing.assert_array_equal(bodies.read(answer, "application/x-npy"), (stack > 127) * 255)


def test_transform_fn_of_the_user(tmp_path):
    tiny_models.save(tiny_models.identity(), tmp_path)
    source = """
from sagemaker_inference.errors import BaseInferenceToolkitError

def transform_fn(model, body, content_type, accept):
    if body == b"bad":
        raise BaseInferenceToolkitError(422, "bad indeed", "Unprocessable")
    return body[::-1], "text/plain"
"""
    client = Client(write_code(tmp_path, source))
    assert client.post(b"abc", "text/plain") == (200, "text/plain", b"cba")
    status, _, answer = client.post(b"bad", "text/plain")
    assert status == 422
    assert orjson.loads(answer)["message"] == "bad indeed"


def load(model_dir):
    handler_service.handle(None, Context("model", str(model_dir), None, 1, None, "1.1.11"))


@pytest.fixture
def reason(tmp_path_factory, monkeypatch):
    """Why the model could not be loaded, as the entrypoint reads it."""
    folder = tmp_path_factory.mktemp("load-errors")
    monkeypatch.setenv(LOAD_ERRORS, str(folder))

    def read():
        [file] = folder.iterdir()
        return orjson.loads(file.read_bytes())

    return read


def test_no_model(tmp_path, reason):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ModelError, match=r"no model in .*found: notes\.txt"):
        load(tmp_path)
    assert (reason()["code"], reason()["type"]) == (500, "ModelError")
    assert reason()["message"].startswith("no model in")
    assert "\n" not in reason()["message"]


def test_a_model_that_does_not_fit_is_refused_before_it_is_loaded(tmp_path, reason, monkeypatch):
    (tmp_path / "model.keras").write_bytes(b"nonsense" * 2**17)  # 1 MB
    monkeypatch.setenv("SAGEMAKER_MULTI_MODEL", "true")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where it locks
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(machine, "available_memory", lambda: 200 << 20)
    with pytest.raises(OutOfMemory):
        load(tmp_path)
    assert reason()["code"] == 507
    assert "needs about 255 MB of memory; 200 MB are left; unload" in reason()["message"]


def test_a_model_that_cannot_be_converted_with_the_memory_that_is_left(
    tmp_path, reason, monkeypatch
):
    tiny_models.save(tiny_models.identity(), tmp_path, prepared=False)
    monkeypatch.setattr(machine, "available_memory", lambda: 300 << 20)
    with pytest.raises(OutOfMemory):
        load(tmp_path)
    assert reason()["code"] == 507
    assert "needs about 700 MB of memory; 300 MB are left; bring" in reason()["message"]


def test_a_prepared_model_needs_no_memory_for_its_conversion(tmp_path, monkeypatch):
    tiny_models.save(tiny_models.identity(), tmp_path)
    monkeypatch.setattr(machine, "available_memory", lambda: 300 << 20)
    load(tmp_path)


def test_memory_that_ends_while_a_model_is_loaded(tmp_path, reason, monkeypatch):
    def load_file(*_):
        raise MemoryError

    (tmp_path / "model.keras").touch()
    monkeypatch.setattr(artifacts.conversion, "load", load_file)
    with pytest.raises(RuntimeError, match="memory"):
        load(tmp_path)
    assert reason()["code"] == 507


# --- the log


def lines(caplog):
    return [orjson.loads(text) for text in caplog.messages if text.startswith("{")]


def test_a_request_is_one_line_of_json(client, caplog):
    caplog.set_level(logging.INFO)
    body = bodies.json_array(bodies.STACK)
    _, _, answer = client.post(body, "application/json", accept="image/tiff")
    [line] = lines(caplog)
    times = {name: line.pop(name) for name in ("decode_ms", "predict_ms", "encode_ms")}
    assert all(value >= 0 for value in times.values())
    [assumed] = line.pop("assumed")  # nothing tells what this model was trained on
    assert "nothing says whether it was trained on these" in assumed
    assert line == {
        "request_id": "request-1",
        "model": "model",
        "content_type": "application/json",
        "accept": "image/tiff",
        "bytes_in": len(body),
        "shape": [2, 3, 5],
        "tiles": 2,
        "status": 200,
        "answer_type": "image/tiff",
        "bytes_out": len(answer),
    }


def test_an_error_is_in_the_line(client, caplog):
    caplog.set_level(logging.INFO)
    _, _, answer = client.post(b"x", "text/html")
    [line] = lines(caplog)
    assert line["status"] == 415
    assert line["error"] == orjson.loads(answer)["message"]
    assert "shape" not in line


def test_a_transform_fn_is_timed_as_a_whole(tmp_path, caplog):
    source = """
def model_fn(model_dir):
    return None

def model_warmup_fn(model_dir, model):
    pass

def transform_fn(model, body, content_type, accept):
    return body, "text/plain"
"""
    client = Client(write_code(tmp_path, source))
    caplog.set_level(logging.INFO)
    client.post(b"abc", "text/plain")
    [line] = lines(caplog)
    assert line["transform_ms"] >= 0
    assert line["bytes_out"] == 3


@pytest.mark.parametrize("content_type", ["application/json", "text/csv"])
def test_a_text_may_be_compressed(client, content_type):
    text = bodies.json_array(GRAY) if "json" in content_type else b"0,100,200\n255,128,127\n"
    status, _, answer = client.post(gzip.compress(text), content_type, Content_Encoding="gzip")
    assert status == 200
    assert client.post(text, content_type)[2] == answer


def test_what_nobody_waits_for_is_given_up(identity, tmp_path, monkeypatch):
    monkeypatch.setenv(GONE, str(tmp_path))
    (tmp_path / testing.REQUEST_ID).touch()
    with Client(identity) as client:
        status, _, body = client.post(bodies.png(GRAY))
    assert status == 499
    assert "its client has gone" in orjson.loads(body)["message"]
