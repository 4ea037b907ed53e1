#!/usr/bin/env python3
"""Run the notebook in examples/, and keep its outputs in it."""

import os
import subprocess
from pathlib import Path

import in_venv as in_venv

import click

from lib.environments import python_of
from lib.server import free_port

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
NOTEBOOK = EXAMPLES / "from_folder_to_endpoint.ipynb"
VENV = ROOT / ".venv-notebook"
LARGEST = 1_000_000  # bytes of the notebook with its outputs
SECONDS = 1800  # that a cell may take
EXAMPLE = """\b
Example:
  scripts/notebook.py --out executed.ipynb"""

# by the Python of an environment of its own, which has what reads and runs notebooks
EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient

source, folder, seconds = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
kernel = {"metadata": {"path": folder}}
NotebookClient(notebook, timeout=int(seconds), resources=kernel, record_timing=False).execute()
notebook.metadata.pop("language_info", None)  # which Python it was is of no interest
sys.stdout.write(nbformat.writes(notebook))
"""


@click.command(epilog=EXAMPLE)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=NOTEBOOK,
    help="where to write the notebook with its outputs; by default, over itself",
)
def main(out: Path) -> None:
    """Run all cells of examples/from_folder_to_endpoint.ipynb, in minutes, and keep the outputs."""
    click.echo(f"running {NOTEBOOK.relative_to(ROOT)}")
    executed = execute(python_of(VENV, EXAMPLES / "requirements.txt", ours=True))
    if str(ROOT) in executed:
        raise click.ClickException(f"an output names the folder {ROOT}, which is nobody else's")
    if len(executed) > LARGEST:
        raise click.ClickException(f"the outputs have {len(executed)} bytes, more than {LARGEST}")
    out.write_text(executed.rstrip("\n") + "\n")
    click.echo(f"wrote {out}")


def execute(python: Path) -> str:
    """The notebook with its outputs.

    Raises:
        click.ClickException: a cell failed; the message holds its traceback.
    """
    done = subprocess.run(
        [python, "-c", EXECUTE, NOTEBOOK, EXAMPLES, str(SECONDS)],
        env=os.environ | {"PORT": str(free_port()), "JUPYTER_PLATFORM_DIRS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise click.ClickException(done.stderr)
    return done.stdout


if __name__ == "__main__":
    main()
