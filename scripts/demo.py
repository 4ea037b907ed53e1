#!/usr/bin/env python3
"""The main job, end to end: start the real server, post the sample image, look at what comes back.

Writes out/mask.png and out/overlay.png. `make demo` sets up everything that this needs, and says
in DEMO_SINCE when it began to, in seconds since 1970. It needs what serving needs, and no more.
"""

import io
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import in_venv as in_venv

import numpy as np
from PIL import Image

from lib.server import ServerFailed, serve

ROOT = Path(__file__).resolve().parent.parent
MODEL_DIR = ROOT / "models" / "unet-membrane"
SAMPLE = MODEL_DIR / "sample.png"
TRUTH = MODEL_DIR / "sample-label.png"
OUT = ROOT / "out"


def main() -> None:
    now = time.time()
    times = {"set-up": now - float(os.environ.get("DEMO_SINCE", now))}
    OUT.mkdir(exist_ok=True)
    log = OUT / "server.log"
    with serve(MODEL_DIR, log=log, ready=False) as server:
        where = f"{server.url} (log: {log.relative_to(ROOT)})"
        print(f"starting the server on {where}", flush=True)
        server.wait_until_ready()
        times["start"] = server.start_seconds
        mask, times["first request"] = post(server.url)
        _, times["second request"] = post(server.url)
        overlay, _ = post(server.url, {"X-Amzn-SageMaker-Custom-Attributes": "output=overlay"})
    (OUT / "mask.png").write_bytes(mask)
    (OUT / "overlay.png").write_bytes(overlay)
    report(mask, times)


def post(url: str, headers: dict[str, str] | None = None) -> tuple[bytes, float]:
    """Post the sample; the body of the answer, and the seconds that it took."""
    request = urllib.request.Request(
        f"{url}/invocations", SAMPLE.read_bytes(), {"Content-Type": "image/png"} | (headers or {})
    )
    started = time.time()
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        sys.exit(f"the server answered {error.code}: {error.read().decode()}")
    seconds = time.time() - started
    if answer.headers["Content-Type"] != "image/png" or not body:
        sys.exit(f"the server answered no PNG: {dict(answer.headers)}\n{body[:500]!r}")
    return body, seconds


def report(mask: bytes, times: dict[str, float]) -> None:
    """Print the times, how well the mask agrees with the truth, and what to do next."""
    cells, truth = (np.asarray(Image.open(file)) > 0 for file in (io.BytesIO(mask), TRUTH))
    iou = (cells & truth).sum() / (cells | truth).sum()
    for name, seconds in times.items():
        print(f"  {name:15} {seconds:7.2f} s")
    print(f"  cells agree with the known truth: IoU {iou:.3f}")
    print("wrote out/mask.png and out/overlay.png; to do the same yourself, `make serve`, then:\n")
    print("  curl -X POST http://127.0.0.1:8080/invocations -H 'Content-Type: image/png' \\")
    print(f"    --data-binary @{SAMPLE.relative_to(ROOT)} -o out/mask.png\n")
    print("or open http://127.0.0.1:8080 in a browser")


if __name__ == "__main__":
    try:
        main()
    except ServerFailed as error:
        sys.exit(str(error))
