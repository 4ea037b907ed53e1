"""Multi-model mode, as SageMaker's multi-model endpoints use it.

https://docs.aws.amazon.com/sagemaker/latest/dg/mms-container-apis.html
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests

from segmentation.networks import unet
from support import bodies, tiny_models
from support.containers import Container
from support.serving import PATIENCE, until

pytestmark = pytest.mark.container

MB = 1 << 20
GRAY = np.array([[0, 127, 128, 255]], np.uint8)
RGB = np.stack([GRAY, GRAY, GRAY], axis=-1)
COLOURED = np.stack([GRAY, GRAY, 255 - GRAY], axis=-1)
MASK = [[0, 0, 255, 255]]
CLASSES = [[0, 4, 4, 4]]
# the process of a model, which MMS started, with its worker
KILL_MODEL = """
import psutil
java = next(p for p in psutil.process_iter() if p.name() == "java")
java.children()[0].kill()
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Model directories: different widths, channels and classes."""
    folder = tmp_path_factory.mktemp("models")
    tiny_models.save(tiny_models.identity(), folder / "gray")
    tiny_models.save(tiny_models.mean_of_rgb(), folder / "rgb")
    tiny_models.save(tiny_models.five_classes(), folder / "five")
    tiny_models.save(unet.build(filters=8, input_shape=(None, None, 3), classes=2), folder / "unet")
    (folder / "broken").mkdir()
    (folder / "broken" / "model.keras").write_bytes(b"nonsense")
    (folder / "huge").mkdir()
    with open(folder / "huge" / "model.keras", "wb") as file:
        file.truncate(1 << 40)  # a hole, which takes no room
    folder.chmod(0o755)
    return folder


@pytest.fixture
def start(run, models):
    def start(*options):
        multi_model = ("--env", "SAGEMAKER_MULTI_MODEL=true", "--volume", f"{models}:/models:ro")
        return run(*multi_model, *options)

    return start


def names(container: Container) -> set[str]:
    listed = requests.get(f"{container.url}/models", timeout=PATIENCE).json()["models"]
    return {model["modelName"] for model in listed}


def unload(container: Container, name: str) -> int:
    return requests.delete(f"{container.url}/models/{name}", timeout=PATIENCE).status_code


def described(container: Container, name: str) -> int:
    return requests.get(f"{container.url}/models/{name}", timeout=PATIENCE).status_code


def ask(container: Container, name: str, image: np.ndarray) -> requests.Response:
    headers = {"Content-Type": "image/png"}
    return container.invoke(bodies.png(image), f"/models/{name}/invoke", headers=headers)


def mask(container: Container, name: str, image: np.ndarray) -> list:
    answer = ask(container, name, image)
    assert answer.status_code == 200, answer.text
    return bodies.read(answer.content, "image/png").tolist()


def test_models_come_and_go(start):
    with start() as container:
        assert names(container) == set()
        assert ask(container, "gray", GRAY).status_code == 404

        for name in ("gray", "rgb", "five", "unet"):
            assert container.load(name, f"/models/{name}").status_code == 200
        assert container.load("gray", "/models/gray").status_code == 409
        assert names(container) == {"gray", "rgb", "five", "unet"}
        assert described(container, "gray") == 200
        assert described(container, "other") == 404

        assert mask(container, "gray", GRAY) == MASK
        assert mask(container, "rgb", RGB) == MASK
        assert mask(container, "five", GRAY) == CLASSES
        assert set(np.unique(mask(container, "unet", RGB))) <= {0, 1}
        assert mask(container, "rgb", GRAY) == MASK  # gray is each of the channels
        assert "takes 1 channel" in ask(container, "gray", COLOURED).json()["message"]

        before = container.memory()
        assert unload(container, "unet") == 200
        assert before - container.memory() > 50 * MB
        assert unload(container, "unet") == 404
        assert ask(container, "unet", RGB).status_code == 404
        assert mask(container, "gray", GRAY) == MASK
        assert container.ping() == 200


def test_a_model_that_would_not_fit_is_judged_before_it_is_loaded(start):
    with start("--memory", "3g") as container:
        assert container.load("gray", "/models/gray").status_code == 200
        answer = container.load("huge", "/models/huge")
        assert answer.status_code == 507
        assert "the model in /models/huge needs about 5,243,130 MB" in answer.json()["message"]
        assert container.request_lines()[-1]["error"] == answer.json()["message"]
        assert names(container) == {"gray"}
        assert mask(container, "gray", GRAY) == MASK


def test_models_are_loaded_until_the_memory_is_full(start):
    with start("--memory", "450m", "--memory-swap", "450m") as container:
        with ThreadPoolExecutor(6) as threads:
            loads = [threads.submit(container.load, f"n{i}", "/models/gray") for i in range(6)]
        statuses = sorted(load.result().status_code for load in loads)
        assert statuses[0] == 200
        assert statuses[-1] == 507
        assert set(statuses) == {200, 507}
        for name in names(container):
            assert mask(container, name, GRAY) == MASK
        assert not container.state()["OOMKilled"]


def test_a_broken_model_leaves_the_others_alone(start):
    with start() as container:
        assert container.load("gray", "/models/gray").status_code == 200
        answer = container.load("broken", "/models/broken")
        assert answer.status_code == 500
        assert answer.json()["message"].startswith("model.keras cannot be loaded")
        assert names(container) == {"gray"}
        assert mask(container, "gray", GRAY) == MASK


def test_loads_requests_and_unloads_at_the_same_time(start):
    with start() as container, ThreadPoolExecutor(8) as threads:
        assert container.load("gray", "/models/gray").status_code == 200
        answers = [threads.submit(ask, container, "gray", GRAY) for _ in range(50)]
        others = ("rgb", "five")
        loads = [threads.submit(container.load, name, f"/models/{name}") for name in others]
        answers += [threads.submit(ask, container, "gray", GRAY) for _ in range(50)]
        assert [load.result().status_code for load in loads] == [200, 200]
        unloads = [threads.submit(unload, container, name) for name in others]
        assert {answer.result().status_code for answer in answers} == {200}
        assert [status.result() for status in unloads] == [200, 200]
        assert names(container) == {"gray"}


def test_a_model_whose_process_ended_is_unloaded(start):
    with start() as container:
        assert container.load("gray", "/models/gray").status_code == 200
        container.execute("python3", "-c", KILL_MODEL)
        until(lambda: names(container) == set())
        assert ask(container, "gray", GRAY).status_code == 404
        assert container.load("gray", "/models/gray").status_code == 200
        assert mask(container, "gray", GRAY) == MASK
