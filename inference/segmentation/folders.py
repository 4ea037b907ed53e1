"""Where in an archive a model lies, as people pack a folder, or a folder in a folder; and how large
the files are that describe it.
"""

import os
import stat
from pathlib import Path

from .errors import ModelError

CODE = "code"  # of the user; never a model
DEEPEST = 4  # folders that are looked into, each the only one of the one before
# of files that tell that a model lies in a folder, or what it means
SUFFIXES = (".keras", ".h5", ".hdf5", ".onnx", ".tflite", ".pb", ".json", ".yaml")


def is_private(folder: Path) -> bool:
    """Whether it is a folder of this user's, and no link, which nobody else can write to."""
    status = folder.lstat()
    others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not others


def root(model_dir: str | Path) -> Path:
    """The folder of a model directory in which its files lie: often itself.

    A number is a version, as TensorFlow Serving names them, and no such folder.
    """
    folder = Path(model_dir)
    for _ in range(DEEPEST):
        inner = _only_folder(folder)
        if inner is None:
            break
        folder = inner
    return folder


def _only_folder(folder: Path) -> Path | None:
    try:
        visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError:  # whoever reads it says so
        return None
    if any(path.suffix.lower() in SUFFIXES for path in visible):
        return None
    folders = [path for path in visible if path.is_dir() and path.name != CODE]
    if len(folders) != 1 or folders[0].name.isdecimal():
        return None
    return folders[0]


def size_of(path: Path, rule: str) -> int:
    """How many bytes a file has that describes a model.

    Args:
        rule: what it must be, for messages.

    Raises:
        ModelError: it is no regular file.
    """
    try:
        status = path.stat()
    except OSError as exc:  # a link to nowhere, or what this user may not see
        raise ModelError(f"{path.name} cannot be read: {exc.strerror}; {rule}") from exc
    if not stat.S_ISREG(status.st_mode):
        raise ModelError(f"{path.name} is no regular file; {rule}")
    return status.st_size
