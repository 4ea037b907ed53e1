"""Every format, in and out, over HTTP, against the real server."""

import shutil
import subprocess

import numpy as np
import pytest
import requests

from segmentation.wire.media_types import ANY_IMAGE, CSV, JPEG, JSON, JSONLINES, NPY, NPZ, PNG, TIFF
from support import bodies, tiny_models
from support.bad_bodies import BAD, MAX_PIXELS
from support.bodies import GRAY, RGB, STACK, read
from support.serving import serve
from support.wheels import write_wheel

ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"

ONE_PLANE = {
    JSON: bodies.json_array(GRAY),
    CSV: bodies.csv(GRAY),
    NPY: bodies.npy(GRAY),
    NPZ: bodies.npz(GRAY),
    PNG: bodies.png(GRAY),
    TIFF: bodies.tiff(GRAY),
    ANY_IMAGE: bodies.png(GRAY),
}
STACKS = {
    JSON: bodies.json_instances(STACK),
    JSONLINES: bodies.jsonlines(STACK),
    NPY: bodies.npy(STACK),
    NPZ: bodies.npz(instances=STACK),
    TIFF: bodies.tiff(STACK),
    ANY_IMAGE: bodies.tiff(STACK),
}
CHANNELS = {
    JSON: bodies.json_array(RGB),
    JSONLINES: bodies.jsonlines(RGB[None]),
    NPY: bodies.npy(RGB),
    NPZ: bodies.npz(RGB),
    PNG: bodies.png(RGB),
    TIFF: bodies.tiff(RGB),
    ANY_IMAGE: bodies.tiff(RGB),
}


def mask_of(image):
    return np.where(image > 127, 255, 0)


@pytest.fixture(scope="module")
def gray_server(tmp_path_factory):
    model_dir = tiny_models.save(tiny_models.identity(), tmp_path_factory.mktemp("gray"))
    with serve(model_dir, UNET_MAX_PIXELS=str(MAX_PIXELS)) as server:
        yield server


@pytest.fixture(scope="module")
def rgb_server(tmp_path_factory):
    model_dir = tiny_models.save(tiny_models.mean_of_rgb(), tmp_path_factory.mktemp("rgb"))
    with serve(model_dir) as server:
        yield server


def post(server, body, content_type, accept=None, attributes=None):
    headers = {"Content-Type": content_type, "Accept": accept, ATTRIBUTES: attributes}
    return server.invoke(body, headers=headers)  # requests leaves out what is None


@pytest.mark.parametrize("accept", [JSON, CSV, NPY, NPZ, PNG, TIFF])
@pytest.mark.parametrize("content_type", ONE_PLANE)
def test_one_plane(gray_server, content_type, accept):
    answer = post(gray_server, ONE_PLANE[content_type], content_type, accept)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, accept)
    np.testing.assert_array_equal(read(answer.content, accept), mask_of(GRAY))


def test_jpeg_both_ways(gray_server):
    big = np.kron(np.array([[0, 255]], np.uint8), np.ones((16, 16), np.uint8))
    answer = post(gray_server, bodies.jpeg(big), JPEG, JPEG)
    assert answer.headers["Content-Type"] == JPEG
    np.testing.assert_allclose(read(answer.content, JPEG).astype(int), big, atol=3)
    assert post(gray_server, bodies.jpeg(big), JPEG).headers["Content-Type"] == PNG


@pytest.mark.parametrize("accept", [JSON, JSONLINES, NPY, NPZ, TIFF])
@pytest.mark.parametrize("content_type", STACKS)
def test_stacks(gray_server, content_type, accept):
    answer = post(gray_server, STACKS[content_type], content_type, accept)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, accept)
    np.testing.assert_array_equal(read(answer.content, accept), mask_of(STACK))


@pytest.mark.parametrize("accept", [PNG, JPEG, CSV])
def test_stacks_do_not_fit_one_plane(gray_server, accept):
    answer = post(gray_server, STACKS[NPY], NPY, accept)
    assert answer.status_code == 406
    assert "cannot hold the mask of 2×3×5" in answer.json()["message"]


@pytest.mark.parametrize("content_type", CHANNELS)
def test_channels(rgb_server, content_type):
    answer = post(rgb_server, CHANNELS[content_type], content_type, NPY)
    mask = mask_of(RGB.mean(axis=-1))
    np.testing.assert_array_equal(np.squeeze(read(answer.content, NPY)), mask)


def test_stack_of_rgb_pages(rgb_server):
    stack = np.stack([RGB, 255 - RGB])
    answer = post(rgb_server, bodies.npy(stack), NPY)
    np.testing.assert_array_equal(read(answer.content, NPY), mask_of(stack.mean(axis=-1)))


@pytest.mark.parametrize("content_type", ONE_PLANE)
def test_curl_is_answered_in_kind(gray_server, content_type, tmp_path):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    body, answer = tmp_path / "body", tmp_path / "answer"
    body.write_bytes(ONE_PLANE[content_type])
    command = ["curl", "--silent", "--show-error", "--fail", "-X", "POST"]
    command += [f"{gray_server.url}/invocations", "-H", f"Content-Type: {content_type}"]
    command += ["--data-binary", f"@{body}", "-o", str(answer), "-w", "%{content_type}"]
    in_kind = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert in_kind == (PNG if content_type == ANY_IMAGE else content_type)
    np.testing.assert_array_equal(read(answer.read_bytes(), in_kind), mask_of(GRAY))


@pytest.mark.parametrize("content_type", [*STACKS])
def test_stacks_are_answered_in_kind(gray_server, content_type):
    answer = post(gray_server, STACKS[content_type], content_type)
    in_kind = TIFF if content_type == ANY_IMAGE else content_type
    assert answer.headers["Content-Type"] == in_kind
    np.testing.assert_array_equal(read(answer.content, in_kind), mask_of(STACK))


def test_parameters_case_and_weights(gray_server):
    answer = post(
        gray_server,
        ONE_PLANE[JSON],
        "Application/JSON; charset=utf-8",
        "text/html, image/*;q=0.2, Application/X-NPY;q=0.7",
    )
    assert answer.headers["Content-Type"] == NPY


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ("output=overlay, threshold=0.9", 200),
        ("output=everything", 400),
        ("threshold=2", 400),
        ("size=9", 200),  # for others
        ("treshold=0.5", 400),
    ],
)
def test_attributes(gray_server, attributes, status):
    answer = post(gray_server, ONE_PLANE[PNG], PNG, attributes=attributes)
    assert answer.status_code == status


def test_probabilities(gray_server):
    answer = post(gray_server, ONE_PLANE[PNG], PNG, NPY, attributes="output=probability")
    np.testing.assert_allclose(read(answer.content, NPY), GRAY / 255, rtol=1e-6)


@pytest.mark.parametrize("name", BAD)
def test_bad_input(gray_server, name):
    body, content_type, status, word = BAD[name]
    answer = post(gray_server, body, content_type)
    assert answer.status_code == status
    error = answer.json()
    assert error.keys() == {"code", "type", "message"}
    assert error["code"] == status
    assert word in error["message"]
    assert ";" in error["message"]  # what came; the rule; the remedy
    assert "Traceback" not in answer.text
    assert post(gray_server, ONE_PLANE[PNG], PNG).status_code == 200


def test_unacceptable(gray_server):
    answer = post(gray_server, ONE_PLANE[PNG], PNG, "text/html")
    assert answer.status_code == 406
    assert "image/png" in answer.json()["message"]


def test_unknown_paths(gray_server):
    assert requests.get(f"{gray_server.url}/nothing", timeout=30).status_code == 404


def test_user_code_and_its_requirements(tmp_path):
    """``code/inference.py`` overrides, and ``code/requirements.txt`` is installed."""
    tiny_models.save(tiny_models.identity(), tmp_path)
    (tmp_path / "code").mkdir()
    wheel = write_wheel(tmp_path / "code", "small", "GREETING = 'masked'\n")
    (tmp_path / "code" / "requirements.txt").write_text(f"{wheel}\n")
    (tmp_path / "code" / "inference.py").write_text(
        "import small\n\n"
        "def output_fn(prediction, accept):\n    return small.GREETING, 'text/plain'\n"
    )
    with serve(tmp_path, PIP_NO_INDEX="1") as server:
        assert post(server, ONE_PLANE[PNG], PNG).text == "masked"
