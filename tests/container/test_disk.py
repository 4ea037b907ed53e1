"""What becomes of a server that cannot write, or no more."""

import pytest

from support.serving import until

pytestmark = pytest.mark.container

PNG = {"Content-Type": "image/png"}
KILL_JAVA = """
import psutil
next(process for process in psutil.process_iter() if process.name() == "java").kill()
"""


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        pytest.param(["--ipc", "none"], "error: no folder for temporary files", id="read-only"),
        pytest.param(["--tmpfs", "/tmp:size=64k"], "error: /tmp has 64 kB left", id="too small"),
    ],
)
def test_where_nothing_can_be_written(run, options, reason):
    with run("--read-only", *options, ready=False) as container:
        assert container.wait() == 1
        assert container.log().splitlines()[-1].startswith(reason)


def test_without_shared_memory(run, sample, mask):
    with run("--ipc", "none") as container:
        answer = container.invoke(sample, headers=PNG)
        assert answer.content == mask


def test_what_ends_comes_back_on_a_full_disk(run, sample, mask):
    with run("--read-only", "--tmpfs", "/tmp:size=2m") as container:
        container.execute("sh", "-c", "dd if=/dev/zero of=/tmp/full bs=4k 2>/dev/null; true")
        for kill in (container.kill_workers, lambda: container.execute("python3", "-c", KILL_JAVA)):
            kill()
            until(container.is_ready)
            # a request may still be with what was killed
            until(lambda: container.invoke(sample, headers=PNG).content == mask)
