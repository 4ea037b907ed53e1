"""Images of any size and depth, over HTTP, through models of several kinds in one server."""

import numpy as np
import pytest

from segmentation.wire.media_types import NPY, PNG, TIFF
from support import bodies, tiny_models
from support.serving import serve, until

FIXED = 32


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Models whose answer can be computed by hand: free, fixed, rgb, classes."""
    folder = tmp_path_factory.mktemp("models")
    made = {
        "free": tiny_models.identity(),
        "fixed": tiny_models.identity((FIXED, FIXED)),
        "rgb": tiny_models.mean_of_rgb(),
        "classes": tiny_models.five_classes(),
    }
    with serve(None, SAGEMAKER_MULTI_MODEL="true", SAGEMAKER_BASE_DIR=str(folder)) as server:
        for name, model in made.items():
            assert server.load(name, tiny_models.save(model, folder / name)).status_code == 200
        yield server


def segment(server, model, body, content_type, **headers):
    headers = {"Content-Type": content_type} | headers
    answer = server.invoke(body, f"/models/{model}/invoke", headers=headers)
    assert answer.status_code == 200, answer.text
    return bodies.read(answer.content, answer.headers["Content-Type"])


def noise(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("model", ["free", "fixed"])
@pytest.mark.parametrize(
    "size",
    [(1, 1), (1, 301), (301, 1), (15, 15), (16, 16), (17, 17), (32, 32), (33, 31), (100, 257),
     (1030, 1500)],
)  # fmt: skip
def test_any_size(server, model, size):
    image = noise(*size)
    mask = segment(server, model, bodies.png(image), PNG)
    np.testing.assert_array_equal(mask, np.where(image > 127, 255, 0))


@pytest.mark.parametrize("model", ["free", "fixed"])
def test_16_bit_tiff(server, model):
    image = noise(40, 50, dtype=np.uint16)
    mask = segment(server, model, bodies.tiff(image), TIFF)
    np.testing.assert_array_equal(mask, np.where(image > 32767, 255, 0))


@pytest.mark.parametrize("model", ["free", "fixed"])
def test_float_tiff(server, model):
    image = np.random.default_rng(0).random((40, 50), np.float32)
    mask = segment(server, model, bodies.tiff(image), TIFF)
    np.testing.assert_array_equal(mask, np.where(image > 0.5, 255, 0))


@pytest.mark.parametrize("size", [(1, 1), (37, 1001)])
def test_rgb(server, size):
    image = noise(*size, 3)
    mask = segment(server, "rgb", bodies.png(image), PNG)
    mean = image.astype(np.float32).sum(axis=-1)
    sure = np.abs(mean - 3 * 127.5) > 1
    np.testing.assert_array_equal(mask[sure], np.where(mean > 3 * 127.5, 255, 0)[sure])


@pytest.mark.parametrize("size", [(1, 1), (37, 1001)])
def test_five_classes(server, size):
    image = noise(*size) // 128 * 255
    mask = segment(server, "classes", bodies.png(image), PNG)
    np.testing.assert_array_equal(mask, np.where(image > 0, 4, 0))


@pytest.mark.parametrize("model", ["free", "fixed"])
def test_a_deep_stack(server, model):
    stack = noise(100, 40, 50)
    mask = segment(server, model, bodies.tiff(stack), TIFF)
    np.testing.assert_array_equal(mask, np.where(stack > 127, 255, 0))


def test_a_stack_of_many_classes_as_probabilities(server):
    stack = noise(3, 5, 7)
    attributes = {"X-Amzn-SageMaker-Custom-Attributes": "output=probability"}
    values = segment(server, "classes", bodies.npy(stack), NPY, **attributes)
    assert values.shape == (3, 5, 7, 5)
    np.testing.assert_allclose(values.sum(axis=-1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"UNET_TILE_OVERLAP": "1100"}, "UNET_TILE_OVERLAP is 1100, tiles are 1024×1024"),
        ({"UNET_TILE_SIZE": "64", "UNET_TILE_OVERLAP": "64"}, "UNET_TILE_OVERLAP is 64"),
        ({"UNET_TILE_SIZE": "15"}, "UNET_TILE_SIZE is '15'; it must be a whole number"),
        ({"UNET_BATCH_SIZE": "0"}, "UNET_BATCH_SIZE is '0'; it must be a whole number"),
        ({"UNET_MAX_PIXELS": "many"}, "UNET_MAX_PIXELS is 'many'; it must be a whole number"),
    ],
)
def test_impossible_settings_are_refused_at_start_up(tmp_path, settings, message):
    model_dir = tiny_models.save(tiny_models.identity(), tmp_path)
    with serve(model_dir, ready=False, **settings) as server:
        until(lambda: server.process.poll() is not None)
        assert server.wait() in (1, 2)
        assert message in server.log().splitlines()[-1]


def test_too_many_pixels_are_refused(tmp_path):
    model_dir = tiny_models.save(tiny_models.identity(), tmp_path)
    with serve(model_dir, UNET_MAX_PIXELS="1000") as server:
        answer = server.invoke(bodies.png(noise(25, 41)), headers={"Content-Type": PNG})
        assert answer.status_code == 413
        assert "25×41" in answer.json()["message"]
        assert server.invoke(bodies.png(noise(25, 40)), headers={"Content-Type": PNG}).ok
