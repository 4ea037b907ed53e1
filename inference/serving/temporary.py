"""Where the server writes: one private folder below the temporary folder."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from segmentation.errors import SettingsError
from serving.errors import ServerFailed

SHARED_MEMORY = Path("/dev/shm")  # in memory, and there in containers whose files are read-only
LEAST_BYTES = 1 << 20  # for what every server writes; a model that is converted needs its size
LONGEST = 64  # characters: the path of a socket has at most 107


def place() -> Path:
    """The temporary folder: TMPDIR, /tmp, …; shared memory, where none of them can be written to.

    Raises:
        ServerFailed: nothing can be written anywhere.
    """
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as exc:
        if os.access(SHARED_MEMORY, os.W_OK | os.X_OK):
            return SHARED_MEMORY
        raise ServerFailed(
            "no folder for temporary files can be written to, or all are full; give the server one "
            "of a few MB at /tmp (`docker run --tmpfs /tmp`), or name one in TMPDIR"
        ) from exc


def trust() -> None:
    """Take TMPDIR for the temporary folder: Python would try it by writing, and a worker can be
    started on a full disk, too.
    """
    tempfile.tempdir = os.environ.get("TMPDIR") or None


@contextlib.contextmanager
def run_folder() -> Iterator[Path]:
    """A private folder for whatever the server writes, removed at the end.

    Raises:
        ServerFailed: nothing can be written, or too little.
    """
    parent = place()
    if len(str(parent)) > LONGEST:
        parent = Path("/tmp")
    try:
        folder = Path(tempfile.mkdtemp(prefix="unet-", dir=parent))
    except OSError as exc:
        raise ServerFailed(
            f"{parent} cannot be written to: {exc.strerror}; name another folder in TMPDIR"
        ) from exc
    try:
        _check_room(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_room(folder: Path) -> None:
    left = shutil.disk_usage(folder).free
    if left < LEAST_BYTES:
        raise ServerFailed(
            f"{folder.parent} has {left // 1024} kB left, and the server needs "
            f"{LEAST_BYTES // 1024} kB at least; make room there, or name another folder in TMPDIR"
        )


def check_cache(folder: str) -> None:
    """Refuse a folder that looks as if files could be made in it, such as /proc.

    One that does not is not used, as a worker's log says.

    Raises:
        SettingsError: it is such a folder.
    """
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        return
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as exc:
        raise SettingsError(
            f"UNET_CACHE_DIR is {folder!r}; it must be a folder in which files can be made "
            f"({exc.strerror}); name another one, or leave it out"
        ) from exc
