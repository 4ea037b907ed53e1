"""How it is measured: in turns, so that a noisy machine is noisy for all alike."""

import statistics
from collections.abc import Callable, Mapping

import numpy as np

Row = dict[str, object]


def in_turns(
    actions: Mapping[str, Callable[[], float]], rounds: int, base: str = "bare", warm_up: int = 2
) -> dict[str, Row]:
    """Take the time of each action once a round; the first one is what the others are compared to.

    Args:
        actions: name -> what gives the seconds that it took.
        rounds: how often each is timed.
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


def percentiles(seconds: list[float]) -> Row:
    """The 50th, 95th and 99th percentile, and the mean, in milliseconds."""
    row: Row = {f"p{p}, ms": ms(float(np.percentile(seconds, p))) for p in (50, 95, 99)}
    return row | {"mean, ms": ms(statistics.mean(seconds))}


def ratio(measured: list[float], base: list[float]) -> str:
    """The ratio of the medians, and the quartiles of the ratios of single rounds."""
    low, high = np.percentile(np.divide(measured, base), [25, 75])
    middle = statistics.median(measured) / statistics.median(base)
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


def ms(seconds: float) -> float:
    return round(1000 * seconds, 1)
