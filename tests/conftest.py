import fcntl
import os

import pytest

from lib.docker import docker
from support import bodies
from support.containers import IMAGE, ROOT, require_engine
from support.serving import serve

MODEL_DIR = ROOT / "models" / "unet-membrane"


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """The image, built as the README says, under a name of this run: others may be under way."""
    require_engine()
    own = f"{IMAGE}:test-{os.getpid()}"
    with open(tmp_path_factory.getbasetemp().parent / "building", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the other one of two test processes finds it built
        docker("build", "--tag", IMAGE, "--tag", own, ROOT)  # the first name keeps the layers
    yield own
    docker("image", "rm", own)


@pytest.fixture(scope="session")
def sample():
    return (MODEL_DIR / "sample.png").read_bytes()


@pytest.fixture(scope="session")
def mask(sample):
    """What the server answers to the sample outside of a container."""
    with serve(MODEL_DIR) as server:
        answer = server.invoke(sample, headers={"Content-Type": "image/png"})
        assert set(bodies.read(answer.content, "image/png").flat) == {0, 255}
        return answer.content
