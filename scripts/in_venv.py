"""Imported first by every script: runs it by the Python of the project's environment, .venv.

Whatever Python the shell finds, and from whatever folder, ``scripts/models/train.py …`` and
``python3 scripts/models/train.py …`` then have what they need, or say in one line how to get it.
Links to this file lie beside the scripts, where Python looks first. It runs on older Pythons, too.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from shlex import quote
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
FOLDERS = ("inference", "scripts", "benchmark", "tests")


def enter() -> None:
    """Go on in .venv, where there is one, with the project's folders on the path."""
    python = VENV / "bin" / "python"
    if Path(sys.prefix).resolve() != VENV.resolve() and os.access(python, os.X_OK):
        sys.stdout.flush()
        os.execv(python, [str(python), *sys.argv])
    # setup.sh puts them there, too; a project that was moved has them in its old place until then
    folders = [str(ROOT / name) for name in FOLDERS]
    sys.path[1:1] = [folder for folder in folders if folder not in sys.path]
    sys.excepthook = explain
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # warnings; else a screen full at each start


def explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say what to run where a module is missing, and print any other exception as Python does."""
    if isinstance(error, ModuleNotFoundError) and not is_complete():
        command = f"{quote(str(ROOT / 'scripts' / 'setup.sh'))} --dev"
        print(f"{sys.argv[0]}: {error.name} is not installed; run: {command}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def is_complete() -> bool:
    """Whether .venv holds all that the scripts need, and not only what serving does."""
    wanted = hashlib.sha256((ROOT / "requirements-dev.txt").read_bytes()).hexdigest()
    installed = VENV / "installed"
    return installed.exists() and wanted in installed.read_text()


if ROOT / "scripts" in Path(sys.argv[0]).resolve().parents:  # and not where tests import a script
    enter()
