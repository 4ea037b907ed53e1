"""SageMaker's data plane in front of a real server: /endpoints/N/invocations -> /invocations."""

import contextlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests


@contextlib.contextmanager
def runtime(url: str) -> Iterator[str]:
    """Pass invocations of any endpoint on to the server at ``url``."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert re.fullmatch(r"/endpoints/[^/]+/invocations", self.path), self.path
            model = self.headers.get("X-Amzn-SageMaker-Target-Model")
            path = f"/models/{model}/invoke" if model else "/invocations"
            kept = ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes")
            headers = {name: self.headers[name] for name in kept if name in self.headers}
            answer = requests.post(url + path, body, headers=headers, timeout=120)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
