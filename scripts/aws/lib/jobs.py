"""The requests of invoke.py: each is sent, sent again while the service is busy, and kept."""

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from aws.lib import tables
from aws.lib.services import Busy, Refused, Service
from segmentation.answers import Labels, Mask, Polygons, Table
from segmentation.wire.formats import BY_SUFFIX, OFFERS

CONTENT_TYPES = {suffix: kind.media_type for suffix, kind in BY_SUFFIX.items()}
SUFFIXES = {kind.media_type: kind.suffixes[0] for kind in OFFERS}
TABLE = "table.csv"  # of all images
TRIES = 5


@dataclass(frozen=True)
class Job:
    """One request.

    Attributes:
        image: the file to send.
        output: the name of an answer; see ``segmentation.answers.ANSWERS``.
        attributes: options of the request, such as "threshold=0.4".
    """

    image: Path
    output: str
    attributes: str


@dataclass(frozen=True)
class Result:
    """What became of a job.

    Attributes:
        seconds: how long it took, with every try.
        file: the answer, or what it is a part of; None where there is none.
        failure: why there is none.
        rows: of an answer that is a table, by the names of their columns.
    """

    job: Job
    seconds: float
    file: Path | None = None
    failure: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)


def run(service: Service, jobs: list[Job], out: Path, concurrency: int) -> list[Result]:
    """Do all jobs, several at a time, with a progress bar; results are in the order of the jobs.

    Answers are files in ``out``; all tables together are one.
    """
    with (
        ThreadPoolExecutor(concurrency) as pool,
        tqdm(total=len(jobs), unit="image", disable=None) as bar,
        _stopping(service, pool),
    ):

        def one(job: Job) -> Result:
            result = do(service, job, out)
            if result.failure:
                tqdm.write(f"{job.image} ({job.output}): {result.failure}")
            bar.update()
            return result

        results = list(pool.map(one, jobs))
    found = [(result.job.image.name, result.rows) for result in results if _is_of_table(result)]
    if found:
        tables.write(out / TABLE, found)
    return results


@contextlib.contextmanager
def _stopping(service: Service, pool: Executor) -> Iterator[None]:
    """Upon Ctrl-C begin nothing more, and wait for no answer."""
    try:
        yield
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        service.stop()
        raise


def _is_of_table(result: Result) -> bool:
    return result.file is not None and result.job.output == Table.name


def do(service: Service, job: Job, out: Path) -> Result:
    """Do one job, and write the answer to a file in ``out``, unless it is a table."""
    begin = time.monotonic()
    try:
        answer, answer_type = _patiently(service, job)
        if job.output == Table.name:
            rows = tables.rows_of(answer)
            return Result(job, time.monotonic() - begin, out / TABLE, rows=rows)
        file = out / _name(job, answer_type)
        file.write_bytes(answer)
    except (Refused, OSError, ValueError) as exc:
        return Result(job, time.monotonic() - begin, failure=str(exc))
    return Result(job, time.monotonic() - begin, file)


def _patiently(service: Service, job: Job) -> tuple[bytes, str]:
    """Send a request, and send it again while the service is busy, at most TRIES times."""
    body = job.image.read_bytes()
    content_type = CONTENT_TYPES[job.image.suffix.lower()]
    attributes = f"output={job.output}"
    if job.attributes:
        attributes += f", {job.attributes}"
    attempt = 1
    while True:
        try:
            return service(body, content_type, attributes)
        except Busy as exc:
            if attempt == TRIES:
                raise Refused(f"{exc} (tried {TRIES} times)") from exc
        time.sleep(min(2**attempt / 2, 10))
        attempt += 1


def _name(job: Job, answer_type: str) -> str:
    """The name of the file for an answer: masks and polygons have that of their image, but for the
    suffix.
    """
    suffix = SUFFIXES.get(answer_type.split(";")[0], ".out")
    if job.output in (Mask.name, Polygons.name):
        return job.image.stem + suffix
    if job.output == Labels.name:
        return f"{job.image.stem}.{job.output}{suffix}"
    return f"{job.image.stem}-{job.output}{suffix}"
