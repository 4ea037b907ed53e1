"""Small HTTP servers for tests, and SageMaker's data plane in front of a real server."""

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

PASSED_ON = ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes")


class Handler(BaseHTTPRequestHandler):
    """Handles requests that have a body, and logs nothing."""

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


@contextlib.contextmanager
def listen(handler: type[Handler]) -> Iterator[str]:
    """Serve on a free port of this machine until the end of the block; the URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def _refusal(answer: requests.Response) -> bytes:
    """What SageMaker answers where the container answers an error."""
    said = f"Received {answer.status_code} from the model"
    return json.dumps(
        {
            "__type": "ModelError",
            "Message": said,
            "OriginalStatusCode": answer.status_code,
            "OriginalMessage": answer.text,
        }
    ).encode()


@contextlib.contextmanager
def runtime(url: str) -> Iterator[str]:
    """SageMaker's data plane: passes invocations of any endpoint on to the server at ``url``."""

    class Runtime(Handler):
        def do_POST(self) -> None:
            body = self.body()
            assert re.fullmatch(r"/endpoints/[^/]+/invocations", self.path), self.path
            model = self.headers.get("X-Amzn-SageMaker-Target-Model")
            path = f"/models/{model}/invoke" if model else "/invocations"
            headers = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
            answer = requests.post(url + path, body, headers=headers, timeout=120)
            if answer.status_code == 200:
                self.answer(200, answer.headers["Content-Type"], answer.content)
            else:
                self.answer(424, "application/json", _refusal(answer))

    with listen(Runtime) as runtime_url:
        yield runtime_url
