"""Where the server listens, and what Multi Model Server (MMS) is told of it."""

import re
import socket
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from segmentation.errors import SettingsError
from serving.errors import ServerFailed

UNIX = "unix:"  # and the path of a socket
ADDRESS = "MMS_INFERENCE_ADDRESS"
PORT = "SAGEMAKER_BIND_TO_PORT"
DEFAULT_PORT = 8080
HIGHEST_OF_MMS = 32766  # MMS refuses higher ports: ``Server.java`` listens on the one that is meant
FORM = re.compile(r"(?P<scheme>https?)://(?P<host>[^:/]+)(?::(?P<port>[0-9]{1,5}))?")
DEFAULT_PORTS = {"http": 80, "https": 443}


class Listening(NamedTuple):
    """Where the server listens.

    Attributes:
        address: as MMS is told it.
        port: of TCP; None: it listens on a socket of another kind.
    """

    address: str
    port: int | None


def listening(address: str | None, port: int | None) -> Listening:
    """Where the server listens by its settings.

    Args:
        address: of ``MMS_INFERENCE_ADDRESS``, such as ``http://127.0.0.1:8080``.
        port: of ``SAGEMAKER_BIND_TO_PORT``, 1–65535.

    Raises:
        SettingsError: the address is malformed, or has another port.
    """
    if not address:
        port = port or DEFAULT_PORT
        return Listening(_of_mms("http", "0.0.0.0", port), port)
    if address.startswith(f"{UNIX}/"):
        return Listening(address, None)
    parts = FORM.fullmatch(address)
    own = int(parts["port"] or DEFAULT_PORTS[parts["scheme"]]) if parts else 0
    if not parts or not 0 < own < 65536:
        raise SettingsError(
            f"{ADDRESS} is {address!r}; it must be an address such as http://127.0.0.1:8080, with "
            "a port from 1 to 65535"
        )
    if port not in (None, own):
        raise SettingsError(
            f"{ADDRESS} is {address!r}, and {PORT} is '{port}'; they must name one port: leave one "
            "of them out"
        )
    return Listening(_of_mms(parts["scheme"], parts["host"], own), own)


def check_free(address: str | None, port: int | None) -> None:
    """Listen for a moment: Java, which is to, would find out only when it has begun to load models.

    Args:
        address, port: as of ``listening``.

    Raises:
        SettingsError: as ``listening``.
        ServerFailed: nobody can listen there.
    """
    where = listening(address, port)
    try:
        if where.port is None:
            _listen_on_file(Path((address or "").removeprefix(UNIX)))
        else:
            _listen_on_port(urlsplit(where.address).hostname, where.port)
    except (OSError, UnicodeError) as exc:  # the other: of a name that no host can have
        reason = getattr(exc, "strerror", None) or exc
        names = " and ".join([ADDRESS] * bool(address) + [PORT] * bool(port or not address))
        raise ServerFailed(
            f"cannot listen on {address or f'http://0.0.0.0:{where.port}'}: {reason}; end what "
            f"listens there, or name another address in {names}"
        ) from exc


def _listen_on_port(host: str | None, port: int) -> None:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # of several addresses, Java takes one of IPv4
    kind, *_, place = min(found, key=lambda each: each[0] != socket.AF_INET)
    with socket.socket(kind, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does
        probe.bind(place)
        probe.listen()


def _listen_on_file(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.bind(str(path))
        path.unlink()


def _of_mms(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://{host}:{min(port, HIGHEST_OF_MMS)}"
