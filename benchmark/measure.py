"""How it is measured: in turns, so that a noisy machine is noisy for all alike."""

import io
import json
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from targets import Server

Body = tuple[bytes, str]
Row = dict[str, object]


def bodies(image: np.ndarray) -> dict[str, Body]:
    """The same image in each format: name -> body and content type."""
    npy = io.BytesIO()
    np.save(npy, image)
    return {
        "PNG": png(image),
        "NPY": (npy.getvalue(), "application/x-npy"),
        "JSON": (json.dumps({"instances": image.tolist()}).encode(), "application/json"),
    }


def png(image: np.ndarray) -> Body:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    return file.getvalue(), "image/png"


def in_turns(
    actions: Mapping[str, Callable[[], float]], rounds: int, base: str = "bare", warm_up: int = 2
) -> dict[str, Row]:
    """Take the time of each action once a round; the first one is what the others are compared to.

    Args:
        actions: name -> what gives the seconds that it took.
        base: what the first one is called in titles.
        warm_up: calls of each before, in a row: Java compiles what has run often.

    Returns:
        name -> the first call, percentiles, and the ratio of medians with the quartiles of the
        ratios of single rounds.
    """
    first = {}
    for name, action in actions.items():
        first[name], *_ = (action() for _ in range(warm_up))
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            seconds[name].append(action())
    compared, *_ = seconds.values()
    return {
        name: {"first, ms": ms(first[name])}
        | percentiles(measured)
        | {
            f"÷ {base}": ratio(measured, compared),
            f"− {base}, ms": ms(statistics.median(measured) - statistics.median(compared)),
        }
        for name, measured in seconds.items()
    }


def at_once(server: Server, body: Body, clients: int, count: int) -> Row:
    """Ask so many times with so many clients."""
    failures, cpu, begun = server.failures, server.cpu_seconds(), time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        waited = list(pool.map(lambda _: server.post(*body), range(count)))
    seconds = time.perf_counter() - begun
    return percentiles(waited) | {
        "images/s": round(count / seconds, 2),
        "CPU-s per image": round((server.cpu_seconds() - cpu) / count, 3),
        "peak MB of a worker": round(server.peak_bytes() / 1e6),
        "failed": server.failures - failures,
    }


def percentiles(seconds: list[float]) -> Row:
    found: Row = {f"p{p}, ms": ms(float(np.percentile(seconds, p))) for p in (50, 95, 99)}
    return found | {"mean, ms": ms(statistics.mean(seconds))}


def ratio(measured: list[float], base: list[float]) -> str:
    """The ratio of the medians, and the quartiles of the ratios of single rounds."""
    low, high = np.percentile(np.divide(measured, base), [25, 75])
    middle = statistics.median(measured) / statistics.median(base)
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


def ms(seconds: float) -> float:
    return round(1000 * seconds, 1)
