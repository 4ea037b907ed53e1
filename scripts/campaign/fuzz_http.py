#!/usr/bin/env python3
"""Send damaged requests to a real server; after each, a good one must be answered rightly."""

import json
import signal
import sys
from pathlib import Path

import in_venv as in_venv

import click
import numpy as np
from tqdm import tqdm

from campaign.lib import http_fuzzing, workload
from campaign.lib.http_cases import Sendings
from campaign.lib.http_fuzzing import VMARGS, HttpState
from campaign.lib.servers import Server
from campaign.lib.soaking import MODEL_DIR, SAMPLE
from campaign.lib.workload import Request

FILE = click.Path(path_type=Path)

EXAMPLE = """\b
Examples:
  scripts/campaign/fuzz_http.py --connections 100000
  scripts/campaign/fuzz_http.py --only 4711"""


@click.command(epilog=EXAMPLE)
@click.option("--connections", default=2_000, show_default=True, help="of the campaign, in all")
@click.option("--seed", default=0, show_default=True, help="of the damage")
@click.option("--out", default=Path("out/fuzz"), show_default=True, type=FILE)
@click.option("--only", type=int, help="send what this number stands for, and show the answer")
def main(connections: int, seed: int, out: Path, only: int | None) -> None:
    """Send damaged requests to a real server; after each, a good one must be answered rightly.

    Each connection gets up to three requests, whose lines, framing or bytes are damaged; it must be
    closed in time, its answers must be no 5xx and have a request id each, and no process of the
    server may end. A campaign goes on where it ended before. It ends with 1 where one did not hold.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends as with Ctrl-C
    out.mkdir(parents=True, exist_ok=True)
    path = out / "http.json"
    state = HttpState(**json.loads(path.read_text())) if path.exists() else HttpState(seed)
    if state.seed != seed:
        raise click.ClickException(f"{path} is of a campaign with seed {state.seed}; remove it")
    good = _good()
    with Server.serve(
        MODEL_DIR, log=out / "http.log", SAGEMAKER_MODEL_SERVER_VMARGS=VMARGS
    ) as server:
        if only is not None:
            sending = Sendings(seed, good.body)[only]
            click.echo(b"".join(sending.parts))
            click.echo(http_fuzzing.exchange(server.port, sending)[0])
            statuses, fault = http_fuzzing.judge(server, sending, good)
            click.echo(f"{statuses}: {fault or 'no fault'}")
            sys.exit(bool(fault))
        with tqdm(total=connections, initial=state.next, unit="connection", disable=None) as bar:
            try:
                http_fuzzing.run(state, connections, server, good, path, bar.update)
            except KeyboardInterrupt:
                click.echo("stopped; the same command goes on", err=True)
    told = ", ".join(f"{status}: {number:,}" for status, number in state.statuses.items())
    click.echo(f"{state.next:,} connections, answered with {told}; {len(state.faults)} faults")
    for number, fault in state.faults.items():
        click.echo(f"fault: scripts/campaign/fuzz_http.py --seed {seed} --only {number}: {fault}")
    sys.exit(bool(state.faults) or state.next < connections)


def _good() -> Request:
    """A small request, and the mask that the library computes for it."""
    array: np.ndarray = workload.images(SAMPLE)[0]
    masks = workload.expected(MODEL_DIR, {"": None}, [array])[""]
    found = workload.requests_of("/invocations", [array], masks)
    return next(request for request in found if request.name.endswith(" PNG"))


if __name__ == "__main__":
    main()
