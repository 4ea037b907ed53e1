"""Zips of SavedModels, unpacked: only the files that a SavedModel is read from, within limits.

A model's directory is read-only, so that a zip in it is unpacked below the folder for temporary
files, by its content. Whoever prepares a package unpacks it beside the zip once and for all, and
every start is faster.
"""

import contextlib
import hashlib
import lzma
import os
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from .. import folders
from ..errors import ModelError

MODEL = "saved_model.pb"
# its graph, and its weights: https://www.tensorflow.org/guide/saved_model#the_savedmodel_format_on_disk
WANTED = re.compile(r"(?:[^/]+/)*?(saved_model\.pb|variables/variables\.[\w.-]+)")
DIGEST = "bundle.sha256"  # in the folder: of the zip that it was unpacked from
MAX_ENTRIES = 10_000
MAX_BYTES = 8 << 30
MAX_RATIO = 100  # of what is unpacked to the zip; weights hardly get smaller in one
LEAST_BYTES = 64 << 20  # that any zip may unpack to
CHUNK = 1 << 20
KEPT_BYTES = 4 << 30  # of what was unpacked before; what was not used for longest goes first
# what zipfile raises of a broken zip, or an encrypted one
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)
ABOUT = "it is the zip of a SavedModel: saved_model.pb and variables/"


def unpacked(path: Path, known: str = "") -> Path | None:
    """The SavedModel that was unpacked beside a zip; None: there is none of this zip.

    Args:
        path: of the zip, which need not be there any more.
        known: sha256 that the zip is to have, or "" where nothing tells it.
    """
    folder = path.with_suffix("")
    if folder == path or not (folder / MODEL).is_file():
        return None
    with contextlib.suppress(OSError):
        made_of = (folder / DIGEST).read_text().strip()
        wanted = known or (digest(path) if path.is_file() else made_of)
        return folder if made_of == wanted else None
    return None


def unpack_beside(path: Path) -> Path:
    """Unpack a zip into the folder of its name without a suffix.

    Raises:
        ModelError: as ``unpack_into``; or something else is in its place.
    """
    folder = path.with_suffix("")
    if folder == path:
        raise ModelError(f"{path.name} has no suffix; {ABOUT}; call it {path.name}.zip")
    if folder.exists() and not (folder / DIGEST).is_file():
        raise ModelError(f"{folder.name} is in the place that {path.name} is unpacked to; move it")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".bundle-") as temporary:
        made = Path(temporary, "bundle")
        unpack_into(path, made)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    return folder


def unpack(path: Path) -> Path:
    """Unpack a zip below the folder for temporary files, or find what was unpacked before.

    Raises:
        ModelError: as ``unpack_into``.
    """
    root = _own_folder()
    folder = root / digest(path)
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=root, prefix=".") as temporary:
            made = Path(temporary, "bundle")
            unpack_into(path, made)
            with contextlib.suppress(OSError):  # somebody else was faster
                made.rename(folder)
    os.utime(folder)
    _forget_oldest(root, folder)
    return folder


def unpack_into(path: Path, folder: Path) -> None:
    """Unpack what a SavedModel is read from.

    Args:
        folder: is made.

    Raises:
        ModelError: it is no zip, of no SavedModel or of several, or larger than it may be.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            chosen = dict(_chosen(archive, path.name))
            _write(archive, chosen, folder, _limit(path, folder.parent))
    except BROKEN as exc:
        raise ModelError(f"{path.name} cannot be unpacked: {exc}; {ABOUT}") from exc
    (folder / DIGEST).write_text(digest(path) + "\n")


def model_in(folder: Path) -> Path:
    """The SavedModel of a folder, or of the only folder in it.

    Raises:
        ModelError: there is none, or there are several.
    """
    found = [path for path in (folder, *sorted(folder.iterdir())) if (path / MODEL).is_file()]
    if len(found) != 1:
        raise ModelError(f"{folder.name} holds {len(found)} of {MODEL}; a SavedModel has one")
    return found[0]


def _chosen(archive: zipfile.ZipFile, name: str) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """Where each file goes, which then lies in the folder whatever the zip calls it."""
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise ModelError(f"{name} holds {len(entries):,} files; it may hold {MAX_ENTRIES:,}")
    files = [entry for entry in entries if not entry.is_dir()]
    models = [entry.filename for entry in files if entry.filename.rpartition("/")[2] == MODEL]
    if len(models) != 1:
        raise ModelError(f"{name} holds {len(models)} of {MODEL}; {ABOUT}")
    root = models[0].removesuffix(MODEL)
    seen = set()
    for entry in files:
        match = WANTED.fullmatch(entry.filename)
        if match is None or entry.filename != root + match[1]:
            continue
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or match[1] in seen:
            raise ModelError(f"{name}: {match[1]} is a link, or comes twice; {ABOUT}")
        seen.add(match[1])
        yield match[1], entry


def _write(
    archive: zipfile.ZipFile, chosen: dict[str, zipfile.ZipInfo], folder: Path, limit: int
) -> None:
    left = limit
    (folder / "variables").mkdir(parents=True)
    for name, entry in chosen.items():
        with archive.open(entry) as packed, (folder / name).open("xb") as file:
            while part := packed.read(CHUNK):  # what its header says of its size is not believed
                left -= len(part)
                if left < 0:
                    raise ModelError(
                        f"{entry.filename} and what is before it unpack to more than {limit:,} "
                        "bytes, which they may; unpack the zip, where there is more room, into a "
                        "folder, and name that as source"
                    )
                file.write(part)


def _limit(path: Path, folder: Path) -> int:
    """How many bytes a zip may unpack to: a share of its own size, and half of what is free."""
    fair = max(LEAST_BYTES, MAX_RATIO * path.stat().st_size)
    return min(fair, MAX_BYTES, shutil.disk_usage(folder).free // 2)


def _own_folder() -> Path:
    """The folder for what is unpacked, if nobody else can put anything there."""
    root = Path(tempfile.gettempdir(), f"bundles-{os.geteuid()}")
    with contextlib.suppress(FileExistsError):
        root.mkdir(mode=0o700)
    if not folders.is_private(root):
        raise ModelError(f"{root} belongs to somebody else, and is not unpacked to; remove it")
    return root


def _forget_oldest(root: Path, but: Path) -> None:
    kept = 0
    with contextlib.suppress(OSError):  # another process removes, too
        folders = sorted(root.glob("[0-9a-f]" * 64), key=lambda path: -path.stat().st_mtime)
        for folder in folders:
            kept += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            if kept > KEPT_BYTES and folder != but:
                shutil.rmtree(folder, ignore_errors=True)


def digest(path: Path) -> str:
    """sha256 of a file, in hexadecimal."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
