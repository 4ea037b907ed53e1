import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.serving import serve

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "examples" / "clients"


class Quiet(SimpleHTTPRequestHandler):
    """Hands out files, and logs nothing."""

    def log_message(self, *_) -> None:
        pass


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The URL of another server than ours, which has the page among the clients."""
    handler = functools.partial(Quiet, directory=CLIENTS)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{other.server_port}"
        other.shutdown()


@pytest.fixture(scope="session")
def server(site):
    """The embedded model, served to scripts of the other server, too."""
    with serve(ROOT / "models" / "unet-membrane", UNET_CORS_ORIGIN=site) as server:
        yield server
