"""What the processes in the container may do: as little as they need."""

import numpy as np
import pytest

from lib.docker import docker
from support import bodies, tiny_models

pytestmark = pytest.mark.container

GRAY = np.array([[0, 127, 128, 255]], np.uint8)
MASK = [[0, 0, 255, 255]]
# of each process of the server: its name, its user, its capabilities, and whether it may get more
PROCESSES = """
import psutil
for process in [psutil.Process(1), *psutil.Process(1).children(recursive=True)]:
    status = open(f"/proc/{process.pid}/status").read().split("\\n")
    told = dict(line.split(":\\t") for line in status if ":\\t" in line)
    print(process.pid, process.name(), told["Uid"].split()[1], told["CapEff"], told["NoNewPrivs"])
"""
NO_CAPABILITY = "0" * 16


def processes(container):
    """(process id, name, user, capabilities, no_new_privs) of each."""
    lines = container.execute("python3", "-c", PROCESSES).splitlines()
    return [line.split() for line in lines if line]


def variables(container, pid):
    """The environment that a process was started with."""
    text = docker("exec", "--user", "unet", container.id, "cat", f"/proc/{pid}/environ")
    return dict(variable.split("=", 1) for variable in text.split("\0") if variable)


def answered(container, path="/invocations"):
    answer = container.invoke(bodies.png(GRAY), path, headers={"Content-Type": "image/png"})
    assert answer.status_code == 200, answer.text
    return bodies.read(answer.content, "image/png").tolist()


@pytest.fixture
def folders(tmp_path):
    """Two models: one that all may read, and one that its owner alone may."""
    for name in ("open", "closed"):
        tiny_models.save(tiny_models.identity(), tmp_path / name)
    (tmp_path / "open").chmod(0o755)
    (tmp_path / "closed").chmod(0o700)
    tmp_path.chmod(0o755)
    return tmp_path


def test_a_server_started_as_root_gives_it_up(run, folders):
    """On a read-only file system, too, where shared memory is all that can be written to."""
    model = ("--volume", f"{folders}/open:/opt/ml/model:ro")
    with run("--read-only", "--env", "AWS_SECRET_ACCESS_KEY=secret", *model) as container:
        assert "The server gives up root: its processes run as unet" in container.log()
        assert answered(container) == MASK
        found = processes(container)
        assert {"java", "python3"} <= {name for _, name, *_ in found}
        user = docker("exec", container.id, "id", "-u", "unet")
        assert user != "0"
        assert {tuple(rights) for _, _, *rights in found} == {(user, NO_CAPABILITY, "1")}
        worker = max(int(pid) for pid, *_ in found)
        known = variables(container, worker)
        assert "AWS_SECRET_ACCESS_KEY" not in known
        assert known["UNET_USER"] == "unet"


def test_a_model_that_root_alone_can_read(run, folders):
    with run("--volume", f"{folders}/closed:/opt/ml/model:ro") as container:
        assert "The server stays root, and does not become unet: /opt/ml/model" in container.log()
        assert answered(container) == MASK
        assert {(user, new) for _, _, user, _, new in processes(container)} == {("0", "1")}


def test_of_many_models_some_are_for_root_alone(run, folders):
    options = ("--env", "SAGEMAKER_MULTI_MODEL=true", "--volume", f"{folders}:/models:ro")
    with run(*options, "--env", "AWS_SECRET_ACCESS_KEY=secret") as container:
        started = {pid for pid, *_ in processes(container)}
        assert container.load("open", "/models/open").status_code == 200
        of_open = [found for found in processes(container) if found[0] not in started]
        assert {capabilities for _, _, _, capabilities, _ in of_open} == {NO_CAPABILITY}
        assert "AWS_SECRET_ACCESS_KEY" not in variables(container, of_open[0][0])
        assert container.load("closed", "/models/closed").status_code == 200
        assert "/models/closed can be read by root alone: this worker" in container.log()
        for name in ("open", "closed"):
            assert answered(container, f"/models/{name}/invoke") == MASK
        assert "0" not in {user for _, _, user, *_ in processes(container)}
