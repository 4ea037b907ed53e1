"""The packages that the server stands on, which those of a model must leave as they are."""

import contextlib
import importlib.metadata
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

FILE = "constraints.txt"
TOOLS = ("pip", "setuptools", "wheel")  # what builds a package may ask for others
VARIABLE = "PIP_CONSTRAINT"
CONFLICT = "The conflict is caused by:"


def constraints(folder: Path) -> str:
    """Write a file that has pip keep each package in the version that is installed.

    Without it, pip would remove what conflicts with the requirements of a model, for all other
    models and for good, wherever it is to install to.

    Args:
        folder: for the file.

    Returns:
        What PIP_CONSTRAINT is to be, beside what it is: URLs, as pip splits it at blanks.
    """
    file = folder / FILE
    file.write_text("".join(f"{name}=={version}\n" for name, version in _installed()))
    ours, others = file.absolute().as_uri(), os.environ.get(VARIABLE, "").split()
    return " ".join([ours, *(other for other in others if other != ours)])


def install_beside(file: str, install: Callable[[], None], folder: Path) -> None:
    """Run pip where the requirements are, as a ./package of theirs is beside them.

    Args:
        file: of the requirements.
        install: runs pip.
        folder: as of ``constraints``.
    """
    os.environ[VARIABLE] = constraints(folder)
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
