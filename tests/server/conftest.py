from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lib.server import ENTRYPOINT
from support.serving import serve

STAND_IN = Path(__file__).with_name("handler_service.py")


@pytest.fixture(scope="session")
def entrypoint(tmp_path_factory) -> Path:
    """The real entrypoint, next to the stand-in for the handler."""
    folder = tmp_path_factory.mktemp("inference")
    for path in (*ENTRYPOINT.parent.iterdir(), STAND_IN):
        link = folder / path.name
        link.unlink(missing_ok=True)
        link.symlink_to(path)
    return folder / ENTRYPOINT.name


@pytest.fixture
def start(entrypoint):
    """``serve``, with the stand-in for the handler."""

    def start(model_dir, **arguments):
        return serve(model_dir, entrypoint=entrypoint, **arguments)

    return start


@pytest.fixture
def model_dir(tmp_path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


@pytest.fixture
def threads():
    with ThreadPoolExecutor(8) as pool:
        yield pool
