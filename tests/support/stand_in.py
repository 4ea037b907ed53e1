"""Requests to the stand-in for the handler, ``tests/server/handler_service.py``."""

import json
import socket
from http.client import parse_headers
from typing import Any

import requests

from support.serving import PATIENCE, Server

TEXT = {"Content-Type": "text/plain"}


def invoke_text(server: Server, body: bytes) -> requests.Response:
    """Post a command of the stand-in."""
    return server.invoke(body, headers=TEXT)


def asleep(server: Server) -> int:
    """How many requests have been handled so far that sleep."""
    return len(list(server.tmp.glob("unet-*/asleep-*")))


def status_over_http_1_0(server: Server) -> int | None:
    """The status of a route, as a client of HTTP 1.0 reads it; None: nothing listens any more.

    The kernel takes connections on behalf of a server. Those that the server has not accepted when
    it stops to listen are reset, before a byte is answered: nothing listens for them, either.
    """
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
            connection.sendall(b"GET /execution-parameters HTTP/1.0\r\n\r\n")
            while part := connection.recv(65536):
                answer += part
    except (ConnectionRefusedError, ConnectionResetError):
        assert not answer, "an answer was cut off"
        return None
    return int(answer.split()[1])


class Upload:
    """A request whose body comes in two parts; the server is known to have begun with it."""

    def __init__(self, server: Server, body: bytes, path: str = "/invocations"):
        self.body = body
        self.socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        self.socket.sendall(
            b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
            b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (path.encode(), len(body))
        )
        self.stream = self.socket.makefile("rb")
        assert self.stream.readline() == b"HTTP/1.1 100 Continue\r\n"
        self.stream.readline()
        self.socket.sendall(body[: len(body) // 2])

    def finish(self) -> None:
        """Send the second part."""
        self.socket.sendall(self.body[len(self.body) // 2 :])

    def status(self) -> int:
        """The status of the answer."""
        with self.socket, self.stream:
            return int(self.stream.readline().split()[1])

    def error(self) -> dict[str, Any]:
        """The JSON object of an answer that refuses the request."""
        with self.socket, self.stream:
            self.stream.readline()
            headers = parse_headers(self.stream)
            error: dict[str, Any] = json.loads(self.stream.read(int(headers["Content-Length"])))
            return error

    def answer(self) -> bytes:
        """All that the server sends until it closes the connection."""
        with self.socket, self.stream:
            return self.stream.read()
