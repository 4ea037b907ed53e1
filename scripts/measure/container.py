#!/usr/bin/env python3
"""Measure the container image: size, seconds from start to ready, and memory."""

import contextlib
import json
import statistics
import subprocess
import time
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path

import in_venv as in_venv

import click

from lib.docker import Container, DockerFailed, docker, in_bytes
from lib.server import is_ready

FOLDERS = "/opt/java /opt/venv/lib/python3*/site-packages/*"  # what takes most of an image
LEAST = 10.0  # megabytes of a folder that is told
SAMPLE = Path(__file__).resolve().parents[2] / "models" / "unet-membrane" / "sample.png"
MODELS = 3
PATIENCE = 300.0  # seconds
PNG = {"Content-Type": "image/png"}


@click.command(epilog="\b\nExample:\n  scripts/measure/container.py unet-inference")
@click.argument("image", default="unet-inference")
@click.option("--starts", default=5, show_default=True, help="how often to start it")
def main(image: str, starts: int) -> None:
    """Print a table of IMAGE's size, of the seconds from start to ready, and of its memory.

    The model is the embedded one; in multi-model mode it is loaded three times.
    """
    try:
        print_table(size(image))
        print_table(single_model(image, starts))
        print_table(multi_model(image))
    except DockerFailed as error:
        raise click.ClickException(str(error)) from error


def print_table(rows: dict[str, str]) -> None:
    for name, value in rows.items():
        click.echo(f"{name:42} {value:>24}")


def size(image: str) -> dict[str, str]:
    """The size of the image, and of its layers above the base image."""
    total = int(docker("inspect", "--format", "{{.Size}}", image))
    rows = {"size of the image": f"{in_megabytes(total):.0f} MB"}
    history = docker("history", "--no-trunc", "--format", "{{json .}}", image)
    for line in history.splitlines():
        layer = json.loads(line)
        megabytes = in_megabytes(in_bytes(layer["Size"]))
        if megabytes >= 0.1:
            rows[f"  {describe_layer(layer['CreatedBy'])}"] = f"{megabytes:.1f} MB"
    rows["compressed, as a registry holds it"] = f"{in_megabytes(compressed(image)):.0f} MB"
    return rows | folders(image)


def compressed(image: str) -> int:
    """The bytes of the image's layers, compressed by gzip as a push does."""
    packer, total = zlib.compressobj(wbits=zlib.MAX_WBITS | 16), 0
    with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saving:
        assert saving.stdout
        while part := saving.stdout.read(1 << 20):
            total += len(packer.compress(part))
    return total + len(packer.flush())


def folders(image: str) -> dict[str, str]:
    """The largest folders: Java, and the packages of Python."""
    listed = docker("run", "--rm", "--entrypoint", "sh", image, "-c", f"du -sB1 {FOLDERS}")
    sizes = [(int(size), folder) for size, folder in map(str.split, listed.splitlines())]
    return {
        f"  of it, {Path(folder).name}": f"{in_megabytes(size):.0f} MB"
        for size, folder in sorted(sizes, reverse=True)
        if in_megabytes(size) >= LEAST
    }


def describe_layer(made_by: str) -> str:
    """The target of a COPY, or the begin of another instruction."""
    instruction = made_by.removeprefix("/bin/sh -c ").removeprefix("#(nop) ")
    if "COPY" in instruction:
        return instruction.split(" in ")[-1].strip()
    return instruction[:30].strip() or "base image"


def single_model(image: str, starts: int) -> dict[str, str]:
    """Seconds and memory with the embedded model, of several starts."""
    seconds = []
    for _ in range(starts):
        begun = time.monotonic()
        with Container.run(image) as container:
            wait_until(lambda: is_ready(container.url), container)
            seconds.append(time.monotonic() - begun)
            idle = in_megabytes(container.memory())
            post(f"{container.url}/invocations", SAMPLE.read_bytes(), PNG)
            used = in_megabytes(container.memory())
            begun = time.monotonic()
            container.kill_workers()
            wait_until(lambda: answers(container.url), container)
            recovery = time.monotonic() - begun
    spread = f"{min(seconds):.1f}–{max(seconds):.1f}"
    return {
        f"docker run to ready, of {starts}": f"{statistics.median(seconds):.1f} s ({spread})",
        "memory when idle": f"{idle:.0f} MB",
        "memory after a 512×512 image": f"{used:.0f} MB",
        "workers killed to the next answer": f"{recovery:.1f} s",
    }


def multi_model(image: str) -> dict[str, str]:
    """Memory with no model, and with each further one."""
    rows = {}
    with Container.run("--env", "SAGEMAKER_MULTI_MODEL=true", image) as container:
        wait_until(lambda: is_ready(container.url), container)
        empty = in_megabytes(container.memory())
        rows["multi-model: memory without a model"] = f"{empty:.0f} MB"
        for number in range(1, MODELS + 1):
            seconds = load(container, f"model-{number}")
            used = in_megabytes(container.memory())
            rows[f"multi-model: memory of {number}, each asked once"] = (
                f"{used:.0f} MB, loaded in {seconds:.1f} s"
            )
    return rows


def load(container: Container, name: str) -> float:
    """Load the embedded model by a name, and send it an image; the seconds that loading took."""
    model = json.dumps({"model_name": name, "url": "/opt/ml/model"})
    begun = time.monotonic()
    post(f"{container.url}/models", model.encode(), {"Content-Type": "application/json"})
    seconds = time.monotonic() - begun
    post(f"{container.url}/models/{name}/invoke", SAMPLE.read_bytes(), PNG)
    return seconds


def wait_until(condition: Callable[[], bool], container: Container) -> None:
    """Return as soon as the condition holds.

    Raises:
        click.ClickException: it does not hold in time.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise click.ClickException(f"the container does not answer:\n{container.log()}")
        time.sleep(0.02)


def answers(url: str) -> bool:
    """Whether the server segments the sample."""
    with contextlib.suppress(OSError):  # 5xx
        post(f"{url}/invocations", SAMPLE.read_bytes(), PNG)
        return True
    return False


def post(url: str, body: bytes, headers: dict[str, str]) -> bytes:
    request = urllib.request.Request(url, body, headers, method="POST")
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return answer.read()


def in_megabytes(size_in_bytes: float) -> float:
    return size_in_bytes / 1e6


if __name__ == "__main__":
    main()
