import pytest

from support import containers


@pytest.fixture
def run(image):
    """``containers.container`` of the image, with options of ``docker run``."""

    def run(*options, **arguments):
        return containers.container(*options, image, **arguments)

    return run
