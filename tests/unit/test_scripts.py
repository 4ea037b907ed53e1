"""What all commands under scripts/ have in common."""

import ast
import importlib
import sys
from pathlib import Path

import pytest

from lib import moved

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
# those in lib/ are no commands; int8/ is run by an environment of its own, image/ in the image
COMMANDS = [
    path
    for path in sorted(SCRIPTS.rglob("*.py"))
    if path.read_text().startswith("#!") and not {"lib", "int8", "image"} & set(path.parts)
]


def names(path: Path) -> list[str]:
    """The modules that a file imports, in the order of its lines."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.lineno, node.module or ""))
    return [name.partition(".")[0] for _, name in sorted(found)]


def test_all_commands_are_looked_at():
    listed = {str(path.relative_to(SCRIPTS)) for path in COMMANDS}
    assert {"models/train.py", "aws/deploy.py", "demo.py", "campaign/soak.py"} <= listed


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: str(path.relative_to(SCRIPTS)))
def test_a_command_goes_to_the_project_s_python_before_it_needs_it(path):
    others = [name for name in names(path) if name not in sys.stdlib_module_names]
    assert others[0] == "in_venv"
    assert path.with_name("in_venv.py").resolve() == SCRIPTS / "in_venv.py"


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: str(path.relative_to(SCRIPTS)))
def test_a_command_can_be_run_as_it_is(path):
    assert path.stat().st_mode & 0o100


PLAIN = b"#!/old/place/.venv/bin/python3\n"
SHELL = b"#!/bin/sh\n'''exec' \"/old place/.venv/bin/python3.11\" \"$0\" \"$@\"\n' '''\n"
REST = b"import sys\n"


@pytest.fixture(params=["place", "a place"])
def venv(request, tmp_path) -> Path:
    folder = tmp_path / request.param / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "pip").write_bytes(PLAIN + REST)
    (folder / "pytest").write_bytes(SHELL + REST)
    (folder / "ruff").write_bytes(b"\x7fELF\0/old/place/.venv/bin/python3\n")
    return folder.parent


def test_the_commands_of_a_moved_environment_are_mended(venv):
    assert moved.mend(venv) == 2
    for name, python in (("pip", "python3"), ("pytest", "python3.11")):
        text = (venv / "bin" / name).read_bytes()
        assert text == moved.first_lines(venv / "bin" / python) + REST
        assert b"old" not in text
        assert text.startswith(b"#!/bin/sh\n" if b" " in bytes(venv) else b"#!" + bytes(venv))
    assert (venv / "bin" / "ruff").read_bytes().startswith(b"\x7fELF\0/old")
    assert moved.mend(venv) == 0  # all is well


def test_a_path_that_is_too_long_for_a_first_line_goes_to_the_shell():
    assert moved.first_lines(Path("/" + "x" * 140)).startswith(b"#!/bin/sh\n")


def test_importing_a_command_changes_nothing():
    hook = sys.excepthook
    assert importlib.import_module("in_venv").VENV.name == ".venv"
    assert sys.excepthook is hook
