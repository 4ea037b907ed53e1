"""How fast an instance is, by what its container measured at its start and wrote into the log."""

import re

from aws.lib import logs
from aws.lib.cli import Aws

SECONDS = 2.0  # that a request may take when as many come at once as scaling allows
PIXELS = 512 * 512  # of such a request
MOST = 50  # requests at once: half of those that the container lets wait
LINES = 500  # of a log, from its beginning
MEASURED = re.compile(r"computes (?P<pace>[\d.]+) megapixels a second")
WORKERS = re.compile(r"Starting the model server: workers (?P<workers>\d+)")


def concurrency(aws: Aws, name: str) -> int | None:
    """As many requests at once as an instance of an endpoint answers in SECONDS.

    One for each worker at least, and MOST at most.

    Returns:
        None where no log says how fast it is.
    """
    group = logs.of_endpoint(name)
    for stream in logs.streams(aws, group)[:2]:
        text = "\n".join(logs.lines(aws, group, stream, LINES, from_head=True))
        measured, started = MEASURED.search(text), WORKERS.search(text)
        if measured:
            workers = int(started["workers"]) if started else 1
            return _at_once(float(measured["pace"]), workers)
    return None


def _at_once(megapixels_per_second: float, workers: int) -> int:
    wanted = int(SECONDS * megapixels_per_second * 1e6 / PIXELS)
    return min(max(wanted, workers), MOST)
