"""The packages that the server stands on, which those of a model must leave as they are."""

import contextlib
import importlib.metadata
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

FILE = "constraints.txt"
TOOLS = ("pip", "setuptools", "wheel")  # what builds a package may ask for others
CONFLICT = "The conflict is caused by:"


def constraints(folder: Path) -> str:
    """Write a file that has pip keep each package in the version that is installed.

    Without it, pip would remove what conflicts with the requirements of a model, for all other
    models and for good: https://github.com/pypa/pip/issues/8799.

    Args:
        folder: for the file.

    Returns:
        What PIP_CONSTRAINT is to be: a URL, as pip splits paths at blanks.
    """
    file = folder / FILE
    file.write_text("".join(f"{name}=={version}\n" for name, version in _installed()))
    return file.absolute().as_uri()


def install_beside(file: str, install: Callable[[], None], folder: Path) -> None:
    """Run pip where the requirements are, as a ./package of theirs is beside them.

    Args:
        file: of the requirements.
        install: runs pip.
        folder: as of ``constraints``.
    """
    os.environ["PIP_CONSTRAINT"] = constraints(folder)
    with contextlib.chdir(Path(file).parent):
        install()


def _installed() -> Iterator[tuple[str, str]]:
    known = {one.name: one.version for one in importlib.metadata.distributions()}
    yield from sorted((name, version) for name, version in known.items() if name not in TOOLS)


def conflict(lines: Iterable[str]) -> str:
    """What pip says of a conflict, in a line; "" where it says nothing of one."""
    lines = list(lines)
    if CONFLICT not in lines:
        return ""
    said = lines[lines.index(CONFLICT) + 1 :]
    end = next((i for i, line in enumerate(said) if line.startswith("To fix this")), len(said))
    return ", ".join(said[:end]).replace("The user requested (constraint)", "the server has")
