"""The packages of a model's ``code/requirements.txt``, where one server has many models.

Where it has one, the toolkit installs them before the server starts, for all its processes. Of many
models each worker installs its own, into a folder that it alone sees and that goes when it ends.
"""

import contextlib
import fcntl
import importlib
import logging
import multiprocessing.util
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from segmentation.errors import ModelError
from serving import packages, upstream

logger = logging.getLogger(__name__)

FILE = Path("code", "requirements.txt")
SECONDS = 300.0  # that installing may take
FOLDERS = "requirements-"  # in the server's folder, one of each worker
LOCK = "in-use"  # in such a folder; locked as long as the worker lives
WHERE_TO = ("PIP_PREFIX", "PIP_TARGET", "PIP_USER", "PIP_ROOT")  # pip's settings that we replace


def install(model_dir: str, seconds: float = SECONDS) -> Path | None:
    """Install what the code of a model needs, for this process alone.

    What is installed with the server counts as there, as it does in single-model mode.

    Args:
        seconds: that it may take.

    Returns:
        The folder of the modules; None where the model asks for none.

    Raises:
        ModelError: pip fails; the message has its last words.
    """
    file = Path(model_dir, FILE)
    if not file.exists():
        return None
    begin = time.perf_counter()
    logger.info("installing the packages of %s, for this model alone", FILE)
    folder = _own_folder()
    last_line = _pip_install(file.resolve(), folder, seconds)
    logger.info("%s: %s; %.1f s", FILE, last_line, time.perf_counter() - begin)
    scheme = sysconfig.get_preferred_scheme("prefix")
    modules = Path(sysconfig.get_path("purelib", scheme, {"base": str(folder)}))
    _warn_of_loaded(modules)
    importlib.invalidate_caches()
    return modules


def _pip_install(file: Path, folder: Path, seconds: float) -> str:
    """Run pip; the last line of what it says.

    Raises:
        ModelError: as ``install``.
    """
    command = [sys.executable, "-m", "pip", "install", "--prefix", str(folder), "-r", str(file)]
    if os.environ.get("CA_REPOSITORY_ARN"):
        command += ["-i", upstream.codeartifact_index()]  # holds a password: it is not logged
    environment = {name: value for name, value in os.environ.items() if name not in WHERE_TO}
    environment |= {
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        packages.VARIABLE: packages.constraints(folder),
    }
    with subprocess.Popen(
        command,
        cwd=file.parent,  # ./package is beside it
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # what it starts can be ended with it
    ) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as exc:
            os.killpg(process.pid, signal.SIGKILL)
            raise ModelError(
                f"{FILE} was not installed within {seconds:.0f} s; name fewer packages, or such as "
                "are built already (wheels), or bring them in code/"
            ) from exc
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if process.returncode:
        logger.error("pip failed:\n%s", output)
        conflict = packages.conflict(lines)
        if conflict:
            raise ModelError(
                f"{FILE} cannot be installed beside what the server itself needs: {conflict}; "
                "allow the versions that the server has, or leave these packages out"
            )
        raise ModelError(
            f"{FILE} cannot be installed: {_last_words(lines)}; pip needs a network where the "
            "packages are, or their wheels in code/, named as ./package.whl"
        )
    return lines[-1] if lines else ""


def _last_words(lines: list[str]) -> str:
    """The last error that pip tells, or its last line."""
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["pip says nothing"])[-1]


def _own_folder() -> Path:
    """A new folder, which goes when this process ends. Those of killed processes go now."""
    parent = Path(tempfile.gettempdir())
    with _locked(parent / f"{FOLDERS}lock"):
        for old in parent.glob(f"{FOLDERS}*/{LOCK}"):
            _remove_if_left(old)
        folder = Path(tempfile.mkdtemp(prefix=FOLDERS, dir=parent))
        lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR)  # open as long as this process lives
        fcntl.flock(lock, fcntl.LOCK_EX)
    multiprocessing.util.Finalize(None, shutil.rmtree, (folder, True), exitpriority=0)
    return folder


def _remove_if_left(lock: Path) -> None:
    with contextlib.suppress(OSError), open(lock, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # an error: its process lives
        shutil.rmtree(lock.parent, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _warn_of_loaded(modules: Path) -> None:
    """What is imported already stays as it is."""
    brought = {path.name.partition(".")[0] for path in modules.glob("*") if _is_module(path)}
    loaded = sorted(brought & sys.modules.keys())
    if loaded:
        logger.warning(
            "%s brings %s, which the server itself has loaded in its own version, and goes on "
            "with; leave them out",
            FILE,
            ", ".join(loaded),
        )


def _is_module(path: Path) -> bool:
    return path.suffix in (".py", ".so") or (path.is_dir() and not path.suffix)
