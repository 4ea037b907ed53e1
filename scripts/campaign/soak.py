#!/usr/bin/env python3
"""Ask real servers without pause while faults are made, and compare every answer."""

import signal
import sys
from pathlib import Path

import in_venv as in_venv

import click
from tqdm import tqdm

from campaign.lib import soaking
from campaign.lib.clients import LOST, WRONG
from campaign.lib.soak_report import write
from campaign.lib.soak_verdict import Plan, Soak, lines_of_lost

FILE = click.Path(path_type=Path)

EXAMPLE = """\b
Example:
  scripts/campaign/soak.py --minutes 60 --clients 32"""


@click.command(epilog=EXAMPLE)
@click.option("--minutes", default=3.0, show_default=True, help="for which clients ask")
@click.option("--clients", default=32, show_default=True, help="that ask at the same time")
@click.option("--every", default=20.0, show_default=True, help="seconds from fault to fault")
@click.option("--seed", default=0, show_default=True, help="of what is asked, and in which order")
@click.option("--out", default=Path("out/soak"), show_default=True, type=FILE)
@click.option("--report", type=FILE, help="where the Markdown goes  [default: OUT/soak.md]")
def main(
    minutes: float, clients: int, every: float, seed: int, out: Path, report: Path | None
) -> None:
    """Ask real servers without pause while faults are made, and compare every answer.

    One server holds one model, another one three. Clients send images of many sizes in many
    formats; the masks were computed before, by the library. Every few seconds something happens: a
    worker, or what starts workers, is killed, or stands still; uploads stop or trickle, answers are
    not taken, connections are reset; a model is unloaded while it is asked. It ends with 1 where an
    answer was wrong, a request was lost that no fault explains, or a server holds more processes,
    descriptors, files or memory than at its beginning. Ctrl-C ends it early, with a report.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends as with Ctrl-C
    out.mkdir(parents=True, exist_ok=True)
    plan, seconds = Plan(minutes, clients, every, seed), round(60 * minutes)
    with tqdm(total=seconds, unit="s", disable=None) as bar:

        def told(soak: Soak) -> None:
            bar.update(min(seconds, round(soak.seconds)) - bar.n)
            bar.set_postfix_str(
                f"{len(soak.records)} requests, {len(soak.of(WRONG))} wrong, "
                f"{len(soak.of(LOST))} lost, {len(soak.faults)} faults"
            )

        soak = soaking.run(plan, out, told)
    (out / "lost.jsonl").write_text(lines_of_lost(soak))
    command = (
        f"scripts/campaign/soak.py --minutes {minutes:g} --clients {clients} --every {every:g}"
    )
    click.echo(write(soak, clients, command, report or out / "soak.md"))
    sys.exit(bool(soak.failures))


if __name__ == "__main__":
    main()
