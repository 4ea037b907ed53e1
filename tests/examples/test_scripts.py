"""Commands under scripts/ as users type them: from any folder, by any Python."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys._base_executable  # without the packages of the project
SCRIPT = """#!/usr/bin/env python3
import in_venv as in_venv
import sys
import {module}
print(sys.prefix, sys.argv[1:])
"""


def run(*command: str | Path, code: int = 0) -> tuple[str, str]:
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


@pytest.mark.parametrize("before", [[], [PYTHON]], ids=["as it is", "by another Python"])
def test_a_command_runs_from_any_folder(before):
    out, _ = run(*before, ROOT / "scripts" / "models" / "generate.py", "--help")
    assert "Example:" in out


@pytest.fixture
def project(tmp_path) -> Path:
    """A small project with an environment that holds no package, below a folder with a blank."""
    root = tmp_path / "a project"
    (root / "scripts" / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "in_venv.py", root / "scripts")
    (root / "scripts" / "tools" / "in_venv.py").symlink_to("../in_venv.py")
    (root / "requirements-dev.txt").write_text("skimage\n")
    run(PYTHON, "-m", "venv", "--without-pip", root / ".venv")
    return root


def script(project: Path, module: str) -> Path:
    path = project / "scripts" / "tools" / "command.py"
    path.write_text(SCRIPT.format(module=module))
    return path


def test_it_goes_on_in_the_project_s_environment_with_its_arguments(project):
    out, _ = run(PYTHON, script(project, "json"), "a b", "--c")
    assert out == f"{project / '.venv'} ['a b', '--c']\n"


def test_what_is_missing_is_told_in_one_line(project):
    path = script(project, "skimage")
    _, said = run(PYTHON, path, code=1)
    setup = project / "scripts" / "setup.sh"
    assert said == f"{path}: skimage is not installed; run: '{setup}' --dev\n"


def test_where_all_is_installed_a_missing_module_is_a_fault(project):
    digest = hashlib.sha256((project / "requirements-dev.txt").read_bytes()).hexdigest()
    (project / ".venv" / "installed").write_text(f"{digest}  -\n")
    _, said = run(PYTHON, script(project, "skimage"), code=1)
    assert "Traceback" in said
    assert "No module named 'skimage'" in said
