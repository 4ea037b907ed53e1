"""Models that come and go in one server: how they are converted, what they cost, and bad ones."""

import contextlib
import re
import zipfile

import numpy as np
import psutil
import pytest

from segmentation.wire.media_types import PNG
from support import bodies, tiny_models
from support.serving import serve

GRAY = np.array([[0, 100, 200]], np.uint8)
MASK = [[0, 0, 255]]


@pytest.fixture
def server(tmp_path):
    settings = {"SAGEMAKER_MULTI_MODEL": "true", "SAGEMAKER_BASE_DIR": str(tmp_path)}
    with serve(None, **settings) as server:
        yield server


def mask(server, name):
    answer = server.invoke(
        bodies.png(GRAY), f"/models/{name}/invoke", headers={"Content-Type": PNG}
    )
    assert answer.status_code == 200, answer.text
    return bodies.read(answer.content, PNG).tolist()


def bomb(folder):
    """A model of 300 kB whose configuration has 300 MB."""
    folder.mkdir()
    with zipfile.ZipFile(folder / "model.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        with archive.open("config.json", "w") as config:
            for _ in range(300):
                config.write(b" " * 2**20)
    return folder


def libraries(server):
    """The shared libraries that the processes of the server have mapped."""
    found = set()
    for process in server.descendants():
        with contextlib.suppress(psutil.NoSuchProcess):  # or one that has just ended
            found |= {mapped.path for mapped in process.memory_maps()}
    return found


def test_a_bad_model_is_refused_and_the_server_is_well(server, tmp_path):
    refused = server.load("bomb", bomb(tmp_path / "bomb"))
    assert refused.status_code == 500
    assert "config.json" in refused.json()["message"]
    good = tiny_models.save(tiny_models.identity(), tmp_path / "good")
    assert server.load("good", good).status_code == 200
    assert mask(server, "good") == MASK
    assert server.ping() == 200


def test_a_model_that_is_loaded_again_is_not_converted_again(server, tmp_path):
    model_dir = tiny_models.save(tiny_models.identity(), tmp_path / "model", prepared=False)
    assert server.load("first", model_dir).status_code == 200
    assert server.load("second", model_dir).status_code == 200
    assert (mask(server, "first"), mask(server, "second")) == (MASK, MASK)
    assert len(re.findall("its graph gives what it gives", server.log())) == 1
    assert len(re.findall("its graph was made before", server.log())) == 1


def test_a_model_with_links_to_other_files_is_refused(server, tmp_path):
    other = tiny_models.save(tiny_models.identity(), tmp_path / "other")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "model.keras").symlink_to(other / "model.keras")
    refused = server.load("links", tmp_path / "links")
    assert "leads out of the model's directory" in refused.json()["message"]


def test_no_process_of_the_server_has_tensorflow(server, tmp_path):
    model_dir = tiny_models.save(tiny_models.identity(), tmp_path / "model", prepared=False)
    assert server.load("model", model_dir).status_code == 200
    found = libraries(server)
    assert [path for path in found if "libopenvino_intel_cpu_plugin" in path]
    assert not [path for path in found if "libtensorflow" in path]


def test_the_engine_can_be_chosen(tmp_path):
    model_dir = tiny_models.save(tiny_models.identity(), tmp_path / "model")
    with serve(model_dir, ready=True, UNET_ENGINE="tensorflow") as server:
        answer = server.invoke(bodies.png(GRAY), headers={"Content-Type": PNG})
        assert bodies.read(answer.content, PNG).tolist() == MASK
        assert "computing in float32 by tensorflow" in server.log()
        assert [path for path in libraries(server) if "libtensorflow" in path]


def test_a_server_that_ends_leaves_no_graph_and_no_process(tmp_path):
    model_dir = tiny_models.save(tiny_models.identity(), tmp_path / "model", prepared=False)
    with serve(model_dir, ready=True) as server:
        processes = server.descendants()
        assert list(server.tmp.rglob("graph.xml"))
        server.process.terminate()
        assert server.process.wait() == 0
        assert not list(server.tmp.iterdir())
    assert not [process for process in processes if process.is_running()]
