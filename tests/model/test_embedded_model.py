"""The embedded model, through the real server."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from models.lib import scores, sections, synthetic
from segmentation.wire.media_types import NPY, PNG, TIFF
from support import bodies
from support.serving import serve

MODEL_DIR = Path(__file__).resolve().parents[2] / "models" / "unet-membrane"


@pytest.fixture(scope="module")
def server():
    with serve(MODEL_DIR) as server:
        yield server


def segment(server, image, **headers):
    answer = server.invoke(bodies.png(image), headers={"Content-Type": PNG} | headers)
    assert answer.status_code == 200, answer.text
    return bodies.read(answer.content, answer.headers["Content-Type"])


@pytest.mark.parametrize(("augment", "largest_error"), [(1, 0.055), (8, 0.045)])
def test_real_sections(server, augment, largest_error):
    """Sections that were not trained on; not part of the project, see the model card."""
    if not os.environ.get("ISBI2012_DIR"):
        pytest.skip("ISBI2012_DIR is not set")
    folder = Path(os.environ["ISBI2012_DIR"])
    pairs = sections.read(folder / "image", folder / "label")[20:24]
    options = {"X-Amzn-SageMaker-Custom-Attributes": f"augment={augment}"}
    found = [scores.score(segment(server, image, **options), label) for image, label in pairs]
    assert np.mean([score["adapted_rand_error"] for score in found]) <= largest_error
    assert np.mean([score["membrane_iou"] for score in found]) >= 0.69


def test_synthetic_sections(server):
    for seed in (5000, 5001):
        image, label = synthetic.section(seed)
        cells, truth = segment(server, image) > 0, label > 0
        assert (cells & truth).sum() / (cells | truth).sum() >= 0.90


@pytest.mark.parametrize("size", [(1, 1), (37, 301), (511, 17)])
def test_any_size_is_answered_in_that_size(server, size):
    image, _ = synthetic.section(1, size)
    assert segment(server, image).shape == size


def test_a_stack_is_as_its_pages(server):
    pages = np.stack([synthetic.section(seed, (128, 96))[0] for seed in range(3)])
    answer = server.invoke(bodies.tiff(pages), headers={"Content-Type": TIFF})
    expected = [segment(server, page) for page in pages]
    # small pages are computed together, in another order, which 16 bits can tell
    assert np.mean(bodies.read(answer.content, TIFF) == expected) >= 0.999


def test_concurrent_requests_are_not_mixed_up(server):
    images = [synthetic.section(seed, (64, 64 + 16 * seed))[0] for seed in range(4)]
    alone = [segment(server, image) for image in images]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda index: segment(server, images[index % 4]), range(16)))
    for index, mask in enumerate(together):
        np.testing.assert_array_equal(mask, alone[index % 4])


def test_probability_is_what_the_mask_is_made_of(server):
    image, _ = synthetic.section(2, (64, 64))
    attributes = {"X-Amzn-SageMaker-Custom-Attributes": "output=probability"}
    probability = segment(server, image, Accept=NPY, **attributes)
    attributes = {"X-Amzn-SageMaker-Custom-Attributes": "threshold=0.7"}
    mask = segment(server, image, **attributes)
    np.testing.assert_array_equal(mask, np.where(probability > 0.7, 255, 0))


def test_thirty_pages_are_as_thirty_images(server):
    images = [synthetic.section(seed)[0] for seed in range(6)]
    pages = [np.rot90(image, turns) for image in images for turns in range(5)]
    answer = server.invoke(bodies.tiff(np.stack(pages)), headers={"Content-Type": TIFF})
    assert answer.headers["Content-Type"] == TIFF
    stack = bodies.read(answer.content, TIFF)
    assert stack.shape == (30, 512, 512)
    for page, mask in zip(pages, stack, strict=True):
        np.testing.assert_array_equal(mask, segment(server, page))


def test_workers_do_without_tensorflow(server):
    maps = [Path(f"/proc/{process.pid}/maps").read_text() for process in server.descendants()]
    assert any("libopenvino.so" in libraries for libraries in maps)
    assert not any("libtensorflow" in libraries for libraries in maps)


def test_tensorflow_has_as_many_threads_as_it_is_given():
    settings = {"UNET_ENGINE": "tensorflow", "UNET_THREADS": "7"}
    with serve(MODEL_DIR, SAGEMAKER_MODEL_SERVER_WORKERS="1", **settings) as server:
        tasks = [p for d in server.descendants() for p in Path(f"/proc/{d.pid}/task").iterdir()]
        names = [(task / "comm").read_text().strip() for task in tasks]
    assert names.count("tf_Compute") == 7
