"""Virtual environments for what needs other packages than this project."""

import subprocess
import sys
import sysconfig
from pathlib import Path


def python_of(venv: Path, requirements: Path, *, ours: bool = False) -> Path:
    """The interpreter of an environment, which is made where it is missing or out of date.

    Args:
        venv: the folder of the environment.
        requirements: what it holds, with hashes.
        ours: whether it finds what it does not hold in the environment of this process.
    """
    python, done = venv / "bin" / "python", venv / "installed"
    if done.exists() and done.read_text() == requirements.read_text():
        if ours:  # the project may have been moved
            _find_ours(venv)
        return python
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "-q", "--clear", "-p", sys.executable, venv], check=True)
    subprocess.run(
        [uv, "pip", "install", "-q", "-p", python, "--require-hashes", "-r", requirements],
        check=True,
    )
    if ours:
        _find_ours(venv)
    done.write_text(requirements.read_text())
    return python


def _find_ours(venv: Path) -> None:
    [packages] = venv.glob("lib/python*/site-packages")
    (packages / "ours.pth").write_text(sysconfig.get_path("purelib") + "\n")
