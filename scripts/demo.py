#!/usr/bin/env python3
"""The main job, end to end: start the real server, post the sample image, look at what comes back.

Writes out/mask.png and out/overlay.png. `make demo` sets up everything that this needs.
"""

import argparse
import contextlib
import io
import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
MODEL_DIR = ROOT / "models" / "unet-membrane"
SAMPLE = MODEL_DIR / "sample.png"
TRUTH = MODEL_DIR / "sample-label.png"
OUT = ROOT / "out"
START_SECONDS = 120
PORTS = range(10_000, 32_767)  # Multi Model Server takes none above


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--since", type=float, default=time.time(), help="when set-up began")
    since = parser.parse_args().since
    times = {"set-up": time.time() - since}
    OUT.mkdir(exist_ok=True)
    with serve() as (url, start_seconds):
        times["start"] = start_seconds
        mask, times["first request"] = post(url)
        _, times["second request"] = post(url)
        overlay, _ = post(url, {"X-Amzn-SageMaker-Custom-Attributes": "output=overlay"})
    (OUT / "mask.png").write_bytes(mask)
    (OUT / "overlay.png").write_bytes(overlay)
    report(mask, times)


@contextlib.contextmanager
def serve() -> Iterator[tuple[str, float]]:
    """A server on a free port of this machine, ready; its URL, and how long it took to start."""
    url = f"http://127.0.0.1:{free_port()}"
    settings = {"MMS_INFERENCE_ADDRESS": url, "UNET_MODEL_DIR": str(MODEL_DIR)}
    log = OUT / "server.log"
    started = time.time()
    print(f"starting the server on {url} (log: {log.relative_to(ROOT)})", flush=True)
    with log.open("wb") as file:
        server = subprocess.Popen(
            [sys.executable, ROOT / "inference" / "entrypoint.py", "serve"],
            env=os.environ | settings,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        while not is_ready(url):
            if server.poll() is not None or time.time() > started + START_SECONDS:
                sys.exit(f"the server did not start:\n{log.read_text()}")
            time.sleep(0.1)
        yield url, time.time() - started
    finally:
        server.terminate()
        server.wait()


def free_port() -> int:
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/ping", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def post(url: str, headers: dict[str, str] | None = None) -> tuple[bytes, float]:
    """Post the sample; the body of the answer, and the seconds that it took."""
    request = urllib.request.Request(
        f"{url}/invocations", SAMPLE.read_bytes(), {"Content-Type": "image/png"} | (headers or {})
    )
    started = time.time()
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read()
            if answer.headers["Content-Type"] != "image/png" or not body:
                sys.exit(f"the server answered no PNG: {dict(answer.headers)}\n{body[:500]!r}")
            return body, time.time() - started
    except urllib.error.HTTPError as error:
        sys.exit(f"the server answered {error.code}: {error.read().decode()}")


def report(mask: bytes, times: dict[str, float]) -> None:
    cells, truth = (np.asarray(Image.open(file)) > 0 for file in (io.BytesIO(mask), TRUTH))
    iou = (cells & truth).sum() / (cells | truth).sum()
    for name, seconds in times.items():
        print(f"  {name:15} {seconds:7.2f} s")
    print(f"  cells agree with the known truth: IoU {iou:.3f}")
    print("wrote out/mask.png and out/overlay.png; to do the same yourself, `make serve`, then:\n")
    print("  curl -X POST http://127.0.0.1:8080/invocations -H 'Content-Type: image/png' \\")
    print(f"    --data-binary @{SAMPLE.relative_to(ROOT)} -o out/mask.png")


if __name__ == "__main__":
    main()
