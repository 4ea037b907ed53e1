#!/usr/bin/env python3
"""Give damaged bodies to the readers of all formats, in a child process, and count what they do."""

import signal
import sys
from pathlib import Path

import in_venv as in_venv

import click
from tqdm import tqdm

from campaign.lib import fuzzing, seeds
from campaign.lib.fuzz_report import report
from campaign.lib.fuzzing import State

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(path_type=Path)

EXAMPLE = """\b
Examples:
  scripts/campaign/fuzz.py --bodies 1000000
  scripts/campaign/fuzz.py --reproduce out/fuzz/faults/4711.json"""


@click.command(epilog=EXAMPLE)
@click.option("--bodies", default=20_000, show_default=True, help="of the campaign, in all")
@click.option("--seed", default=0, show_default=True, help="of the damage")
@click.option("--corpus", type=FOLDER, help="further files to damage, beside the own ones")
@click.option("--out", default=Path("out/fuzz"), show_default=True, type=FILE)
@click.option("--report", "report_file", type=FILE, help="where to write it, as Markdown")
@click.option("--reproduce", type=FILE, help="judge one body that showed a fault, and end")
def main(
    bodies: int,
    seed: int,
    corpus: Path | None,
    out: Path,
    report_file: Path | None,
    reproduce: Path | None,
) -> None:
    """Give damaged bodies to the readers of all formats, and count what they do.

    Each body is made of its number, the seed and the corpus, so that every run with these judges
    the same bodies. A campaign goes on where it ended before, until BODIES were judged. It ends
    with 1 where any body ended the process, raised what is no error of this project, or took more
    time or memory than its reader weighed.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends as with Ctrl-C
    if reproduce:
        verdict = fuzzing.judged_alone(fuzzing.load(reproduce), out)
        click.echo(f"{verdict.outcome}: {verdict.fault or 'no fault'}")
        sys.exit(bool(verdict.fault))
    state = _state(seed, corpus, out)
    with tqdm(total=bodies, initial=state.next, unit="body", disable=None) as bar:
        try:
            fuzzing.run(state, bodies, corpus, out, bar.update)
        except KeyboardInterrupt:
            click.echo("stopped; the same command goes on", err=True)
    text = report(state)
    (report_file or out / "report.md").write_text(text)
    click.echo(text)
    for fault in state.faults:
        click.echo(
            f"fault: scripts/campaign/fuzz.py --reproduce {out}/faults/{fault['number']}.json"
        )
    sys.exit(bool(state.faults) or state.next < bodies)


def _state(seed: int, corpus: Path | None, out: Path) -> State:
    """That of the last run, or a new one.

    Raises:
        ClickException: the last run was of another campaign.
    """
    found = seeds.corpus(corpus)
    digest = seeds.digest(found)
    path = out / "state.json"
    if not path.exists():
        return State(seed, digest, (len(found), sum(len(one.body) for one in found)))
    state = State.load(path)
    if (state.seed, state.corpus) != (seed, digest):
        raise click.ClickException(
            f"{path} is of a campaign with seed {state.seed} and corpus {state.corpus}, and this "
            f"one has {seed} and {digest}; name another folder with --out, or remove it"
        )
    return state


if __name__ == "__main__":
    main()
