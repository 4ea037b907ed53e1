"""Virtual environments for what needs other packages than this project."""

import subprocess
import sys
from pathlib import Path


def python_of(venv: Path, requirements: Path) -> Path:
    """The interpreter of an environment, which is made where it is missing or out of date.

    Args:
        venv: the folder of the environment.
        requirements: what it holds, with hashes.
    """
    python, done = venv / "bin" / "python", venv / "installed"
    if done.exists() and done.read_text() == requirements.read_text():
        return python
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "-q", "--clear", "-p", sys.executable, venv], check=True)
    subprocess.run(
        [uv, "pip", "install", "-q", "-p", python, "--require-hashes", "-r", requirements],
        check=True,
    )
    done.write_text(requirements.read_text())
    return python
