#!/usr/bin/env python3
"""Compare this checkout with another one: the time that requests take, and every answer."""

import contextlib
import functools
import os
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click
import requests
from tqdm import tqdm

import report
import servers
from cases import Case, cases, save_models
from differences import Answer, differences
from images import EMBEDDED, bodies, picture, save_untrained
from lib.server import ENTRYPOINT, ServerFailed
from timing import Row, in_turns, ratio

PATIENCE = 600  # seconds for one request
MAX_PIXELS = 512**2


@click.command()
@click.argument("other", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--filters", default=64, show_default=True, help="of the second model; 0: none")
@click.option("--rounds", default=30, show_default=True, help="of the embedded model")
@click.option("--times/--no-times", default=True, help="whether to compare times")
@click.option("--answers/--no-answers", default=True, help="whether to compare answers")
def main(other: Path, filters: int, rounds: int, times: bool, answers: bool) -> None:
    """Compare this checkout with the one in OTHER, over HTTP and in turns.

    Both run by the Python that runs this. OTHER may be of another version, with other folders; its
    Java part must have been built, as its scripts/setup.sh does. Exits with 1 where an answer
    differs.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # and every server with it
    entrypoint = other.absolute() / "inference" / "entrypoint.py"
    try:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            if times:
                click.echo(report.tables(compare_times(entrypoint, Path(folder), filters, rounds)))
            if answers and count_differences(entrypoint, Path(folder)):
                sys.exit(1)
    except ServerFailed as error:
        raise click.ClickException(str(error)) from error


def compare_times(entrypoint: Path, folder: Path, filters: int, rounds: int) -> dict[str, dict]:
    """The tables of the embedded model, and of an untrained one with so many filters."""
    tables = {
        "start and memory, embedded model": starts_of(entrypoint, folder, max(1, rounds // 10)),
        "embedded model": times_of(entrypoint, EMBEDDED, rounds),
    }
    if filters:
        settings = save_untrained(folder, filters)
        few = max(3, rounds // 3)
        tables[f"{filters} filters"] = times_of(entrypoint, folder, few, **settings)
    return tables


def starts_of(entrypoint: Path, folder: Path, rounds: int) -> dict[str, Row]:
    """Start to ready and memory of both, in turns, and the ratio this ÷ other."""
    figures: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for name, which in (("this", ENTRYPOINT), ("other", entrypoint)):
            for figure, value in _start(which, folder).items():
                figures.setdefault(figure, {}).setdefault(name, []).append(value)
    return {
        figure: {name: round(statistics.median(values), 2) for name, values in both.items()}
        | {"this ÷ other": ratio(both["this"], both["other"])}
        for figure, both in figures.items()
    }


def _start(entrypoint: Path, folder: Path) -> dict[str, float]:
    with servers.of_checkout(entrypoint, EMBEDDED) as server:
        ready, idle = server.start_seconds, server.resident_bytes()
    with servers.of_checkout(entrypoint, None, **servers.multi_model(folder)) as server:
        seconds = [servers.load(server, name, EMBEDDED) for name in ("one", "two", "three")]
        for name in ("one", "two", "three"):
            body, content_type = bodies(picture())["PNG"]
            headers = {"Content-Type": content_type}
            requests.post(f"{server.url}/models/{name}/invoke", body, headers=headers)
        many = server.resident_bytes()
    return {
        "start to ready, s": ready,
        "idle memory, MB": idle / 1e6,
        "loading a second model, s": seconds[1],
        "three models, each asked once, MB": many / 1e6,
    }


def times_of(entrypoint: Path, model_dir: Path, rounds: int, **settings: str) -> dict[str, Row]:
    """One client, 512×512: the 50th percentile of both, and the ratio other ÷ this."""
    rows: dict[str, Row] = {}
    with (
        servers.ours(model_dir, **settings) as this,
        servers.of_checkout(entrypoint, model_dir, **settings) as other,
    ):
        for name, body in bodies(picture()).items():
            actions: dict[str, Callable[[], float]] = {
                "this": functools.partial(this.post, *body),
                "other": functools.partial(other.post, *body),
            }
            measured = in_turns(actions, rounds, base="this", warm_up=5)
            rows[name] = {
                "this, p50, ms": measured["this"]["p50, ms"],
                "other, p50, ms": measured["other"]["p50, ms"],
                "other ÷ this": measured["other"]["÷ this"],
            }
        this.check()
        other.check()
    return rows


def count_differences(entrypoint: Path, folder: Path) -> int:
    """Send every case to both, and list what differs; returns how many cases do."""
    models = save_models(folder)
    compared = list(cases())
    different = 0
    with serve_all(models, ENTRYPOINT) as this, serve_all(models, entrypoint) as other:
        for case in tqdm(compared, unit="request", disable=None):
            lines = list(differences(send(this, case), send(other, case)))
            different += bool(lines)
            for line in lines:
                click.echo(f"{case.name}: {line}")
    click.echo(f"{len(compared) - different} of {len(compared)} answers are equal")
    return different


@contextlib.contextmanager
def serve_all(models: Mapping[str, Path], entrypoint: Path) -> Iterator[servers.Server]:
    """A server in multi-model mode that holds all models."""
    settings = {"SAGEMAKER_MULTI_MODEL": "true", "UNET_MAX_PIXELS": str(MAX_PIXELS)}
    with servers.of_checkout(entrypoint, None, **settings) as server:
        for name, model_dir in models.items():
            servers.load(server, name, model_dir)
        yield server


def send(server: servers.Server, case: Case) -> Answer:
    answer = requests.request(
        case.method, server.url + case.path, data=case.body, headers=case.headers, timeout=PATIENCE
    )
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Answer(answer.status_code, headers, answer.content)


if __name__ == "__main__":
    main()
