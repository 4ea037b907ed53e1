#!/usr/bin/env python3
"""Measure the container image: size, seconds from start to ready, and memory. Prints a table.

    scripts/measure_container.py unet-inference

The model is the embedded one; in multi-model mode it is loaded three times.
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

SAMPLE = Path(__file__).resolve().parent.parent / "models" / "unet-membrane" / "sample.png"
MODELS = 3
UNITS = {"B": 1e-6, "kB": 1e-3, "MB": 1, "GB": 1e3, "KiB": 2**10 / 1e6, "MiB": 2**20 / 1e6,
         "GiB": 2**30 / 1e6}  # fmt: skip
KILL_WORKER = """
import psutil
java = next(p for p in psutil.process_iter() if p.name() == "java")
java.children()[0].children()[0].kill()
"""
PNG = {"Content-Type": "image/png"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("image", nargs="?", default="unet-inference")
    parser.add_argument("--starts", type=int, default=5, help="(default: %(default)s)")
    options = parser.parse_args()
    print_table(size(options.image))
    print_table(single_model(options.image, options.starts))
    print_table(multi_model(options.image))


def print_table(rows: dict[str, str]) -> None:
    for name, value in rows.items():
        print(f"{name:42} {value:>24}", flush=True)


def size(image: str) -> dict[str, str]:
    """Of the image, and of its layers above the base image."""
    rows = {"size of the image": f"{int(docker('inspect', '-f', '{{.Size}}', image)) / 1e6:.0f} MB"}
    history = docker("history", "--no-trunc", "--format", "{{json .}}", image)
    for line in history.splitlines():
        layer = json.loads(line)
        megabytes = in_megabytes(layer["Size"])
        if megabytes >= 0.1:
            made_by = layer["CreatedBy"].removeprefix("/bin/sh -c ").removeprefix("#(nop) ")
            what = made_by.split(" in ")[-1] if "COPY" in made_by else made_by[:30] or "base image"
            rows[f"  {what.strip()}"] = f"{megabytes:.1f} MB"
    return rows


def single_model(image: str, starts: int) -> dict[str, str]:
    seconds = []
    for _ in range(starts):
        begun = time.monotonic()
        with container(image) as (name, url):
            wait_until_ready(url)
            seconds.append(time.monotonic() - begun)
            idle = memory(name)
            post(f"{url}/invocations", SAMPLE.read_bytes(), PNG)
            used = memory(name)
            begun = time.monotonic()
            docker("exec", name, "python3", "-c", KILL_WORKER)
            answer_again(url)
            recovery = time.monotonic() - begun
    spread = f"{min(seconds):.1f}–{max(seconds):.1f}"
    return {
        f"docker run to ready, of {starts}": f"{statistics.median(seconds):.1f} s ({spread})",
        "memory when idle": f"{idle:.0f} MB",
        "memory after a 512×512 image": f"{used:.0f} MB",
        "worker killed to the next answer": f"{recovery:.1f} s",
    }


def multi_model(image: str) -> dict[str, str]:
    rows = {}
    with container("--env", "SAGEMAKER_MULTI_MODEL=true", image) as (name, url):
        wait_until_ready(url)
        rows["multi-model: memory without a model"] = f"{memory(name):.0f} MB"
        for number in range(1, MODELS + 1):
            wanted = json.dumps({"model_name": f"model-{number}", "url": "/opt/ml/model"})
            begun = time.monotonic()
            post(f"{url}/models", wanted.encode(), {"Content-Type": "application/json"})
            seconds = time.monotonic() - begun
            post(f"{url}/models/model-{number}/invoke", SAMPLE.read_bytes(), PNG)
            used = f"{memory(name):.0f} MB, loaded in {seconds:.1f} s"
            rows[f"multi-model: memory of {number}, each asked once"] = used
    return rows


@contextlib.contextmanager
def container(*arguments: str) -> Iterator[tuple[str, str]]:
    """A running container, as its id and its URL."""
    name = docker("run", "--detach", "--publish", "127.0.0.1::8080", *arguments)
    try:
        yield name, "http://" + docker("port", name, "8080").splitlines()[0]
    finally:
        docker("rm", "--force", name)


def wait_until_ready(url: str) -> None:
    while True:
        with contextlib.suppress(OSError):  # nothing listens, or 503
            if urllib.request.urlopen(f"{url}/ping", timeout=5).status == 200:
                return
        time.sleep(0.02)


def answer_again(url: str) -> None:
    while True:
        with contextlib.suppress(OSError):  # 5xx
            post(f"{url}/invocations", SAMPLE.read_bytes(), PNG)
            return
        time.sleep(0.02)


def post(url: str, body: bytes, headers: dict[str, str]) -> bytes:
    request = urllib.request.Request(url, body, headers, method="POST")
    with urllib.request.urlopen(request, timeout=300) as answer:
        return answer.read()


def memory(name: str) -> float:
    """Megabytes in use, without the cache of files."""
    usage = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", name)
    return in_megabytes(usage.split()[0])


def in_megabytes(text: str) -> float:
    number = text.rstrip("BkKMGi")
    return float(number) * UNITS[text.removeprefix(number)]


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
