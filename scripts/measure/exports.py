#!/usr/bin/env python3
"""Compare what is served of the networks of PyTorch's libraries, exported, with them: a table."""

import subprocess
import sys
import tempfile
from pathlib import Path

import in_venv as in_venv

import click

from lib.environments import python_of
from lib.pages import show
from measure.artifacts import table_of

HERE = Path(__file__).resolve().parent / "pytorch"
VENV = HERE.parents[2] / ".venv-pytorch"

EXAMPLE = """\b
Example:
  scripts/measure/exports.py --write docs/models.md"""


@click.command(epilog=EXAMPLE)
@click.argument("names", nargs=-1)
@click.option("--write", type=click.Path(exists=True, path_type=Path), help="a page with a table")
def main(names: tuple[str, ...], write: Path | None) -> None:
    """Compare what is served of the networks of PyTorch's libraries, exported, with them.

    NAMES are of pytorch/make.py; without any, all of segmentation_models.pytorch, torchvision and
    MONAI that are listed there are made, exported to ONNX by both of PyTorch's exporters, and
    asked: twenty minutes, with 6 GB of packages in an environment of their own. Prints a table, or
    writes it into a page between its marks.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        python = python_of(VENV, HERE / "requirements.txt")
        # PyTorch prints whole graphs
        subprocess.run(
            [python, HERE / "make.py", folder, *names], stdout=subprocess.DEVNULL, check=True
        )
        lines = [table_of(folder)]
        failed = sorted(path.parent.name for path in folder.glob("*/not-exported.txt"))
    if failed:
        lines.append(f"\nPyTorch itself does not export {', '.join(failed)}.")
    show("\n".join(lines), "scripts/measure/exports.py", write)


if __name__ == "__main__":
    sys.exit(main())
