"""Loading what people have: a model of any kind, from the files in a model directory.

    .keras                a model of Keras 2 or 3
    .h5, .hdf5            a whole model of Keras 2 or 3
    .h5, .hdf5            weights alone of Keras 2 or 3, for the U-Net of ``networks/unet.py``
    saved_model.pb        a SavedModel folder, also inside version folders such as ``1/``
    .onnx, .tflite        a model of ONNX, or of TensorFlow Lite
    rdf.yaml              a package of bioimage.io, which names its weights (``bioimageio``)

Nothing is unpickled, and no code from an artifact runs: it becomes a graph, in a process of its
own (``networks/conversion``).
"""

import contextlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from . import machine
from .bioimageio import package as bioimageio
from .errors import ModelError, OutOfMemory
from .folders import CODE, root
from .networks.conversion import load as conversion
from .networks.conversion import saved_model, store
from .networks.conversion.architecture import HDF5_SUFFIXES
from .networks.conversion.child import KINDS
from .networks.conversion.readers import FILE_SUFFIXES
from .networks.network import Source
from .spec import ModelSpec

logger = logging.getLogger(__name__)

MOST_FILES = 10_000  # of a model, and folders
MOST_FOLDERS = 50  # in each other
# what forges lines of the log, and bytes that are no UTF-8, as Python reads them
NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# more than was measured with 16 and 64 filters: what one more process takes, and what a model does
# until it has answered its first image, per byte of its files
RUNTIME_BYTES = 250 << 20
LOADING_FACTOR = 5


def load(
    model_dir: str | Path, filename: str | None = None, cache: str | Path | None = None
) -> Source:
    """Load the model of a directory.

    Args:
        model_dir: the directory; ``code/`` in it is not looked at.
        filename: which of several artifacts to take, relative to ``model_dir``.
        cache: a folder in which what was made of artifacts is kept; None: it is not kept.

    Raises:
        ModelError: there is none, there are several, it is broken, or it is no model from images
            to images.
        OutOfMemory: it needs more memory than there is.
    """
    ports = ModelSpec.read(model_dir).ports
    return conversion.load(find(model_dir, filename), Path(cache) if cache else None, ports)


def prepare(model_dir: str | Path, filename: str | None = None) -> Path:
    """Convert the model of a directory, and put its graph beside it, for ``load`` to find.

    Returns:
        The folder of the graph.

    Raises:
        ModelError, OutOfMemory: as ``load``.
    """
    path = find(model_dir, filename)
    conversion.prepare(path, ModelSpec.read(model_dir).ports)
    return store.beside(path)


def check_files(model_dir: str | Path) -> None:
    """Refuse symbolic links that lead out of a model directory, and what is no model's at all.

    Raises:
        ModelError: there is such a link; there are too many files, or folders in folders; or a
            name is no text.
    """
    whole = Path(model_dir).resolve()
    for count, path in enumerate(_below(whole), 1):
        name = path.relative_to(whole)
        if count > MOST_FILES or len(name.parts) > MOST_FOLDERS:
            raise ModelError(
                f"{model_dir} holds more than {MOST_FILES:,} files and folders, or {MOST_FOLDERS} "
                "folders in each other; it must be the directory of a model; name that one"
            )
        if NO_TEXT.search(path.name):
            raise ModelError(
                f"a name in {model_dir} is {str(name)!a}; it must be in UTF-8, without "
                "control characters; rename it"
            )
        if path.is_symlink() and _leads_out(path, whole):
            raise ModelError(
                f"{name} is a symbolic link that leads out of the model's directory, or nowhere; "
                "an artifact brings its own files; put the file itself there"
            )


def _below(folder: Path) -> Iterator[Path]:
    """All files and folders, those in folders included; os.walk would call itself for each."""
    waiting = [folder]
    while waiting:
        with contextlib.suppress(OSError):  # whoever reads it says so
            for path in waiting.pop().iterdir():
                yield path
                if path.is_dir() and not path.is_symlink():
                    waiting.append(path)


def _leads_out(link: Path, whole: Path) -> bool:
    try:
        return not link.resolve().is_relative_to(whole)
    except (OSError, RuntimeError):  # it cannot be told where to; or it leads to itself
        return True


def check_memory(model_dir: str | Path, filename: str | None = None) -> None:
    """Judge by the size of the files whether a model will fit, before anything is loaded.

    Args:
        filename: which of several artifacts is taken, as of ``load``.

    Raises:
        OutOfMemory: it would not.
    """
    size = sum(path.stat().st_size for path in _files_to_load(Path(model_dir), filename))
    needed = RUNTIME_BYTES + LOADING_FACTOR * size
    left = machine.available_memory()
    if needed > left:
        raise OutOfMemory(
            f"the model in {model_dir} needs about {needed >> 20:,} MB of memory; "
            f"{left >> 20:,} MB are left; unload another one, or take a larger instance"
        )


def _files_to_load(model_dir: Path, filename: str | None) -> list[Path]:
    """The files of the artifact; all where code of the user's may load any of them."""
    if (model_dir / CODE).is_dir():
        paths = [path for path in model_dir.rglob("*") if path.is_file()]
        return [path for path in paths if path.parent.suffix != store.SUFFIX]  # less its graph
    try:
        return [file for _, file in store.files_of(find(model_dir, filename))]
    except (ModelError, OSError):  # whoever loads it says so
        return []


def find(model_dir: str | Path, filename: str | None = None) -> Path:
    """The artifact of a directory: a file, or the folder of a SavedModel.

    Raises:
        ModelError: there is none, or there are several.
    """
    directory = root(model_dir)
    if directory != Path(model_dir) and (directory / CODE).is_dir():
        raise ModelError(
            f"{directory.relative_to(model_dir)}/{CODE} is looked for at the top of the archive; "
            f"move {CODE}/ there, or pack the files of {directory.name}/ themselves"
        )
    package = bioimageio.read(directory) if directory.is_dir() else None
    if package:
        return package.artifact(filename)
    candidates = sorted(_candidates(directory)) if directory.is_dir() else []
    candidates = _without_spare_weights(candidates)
    listing = _listing(directory, candidates)
    shown = directory.resolve()  # what was named by a user, where the server links to it
    if filename:
        wanted = directory / filename.rstrip("/")
        if wanted not in candidates:
            raise ModelError(
                f"`model_filename` is {filename!r}, which is no model in {shown}; {listing}"
            )
        return wanted
    if not candidates:
        raise ModelError(f"no model in {shown}; it must hold {KINDS}; {listing}")
    if len(candidates) > 1:
        raise ModelError(
            f"{len(candidates)} models in {shown}; one is served; name it in "
            f"`model_filename`; {listing}"
        )
    return candidates[0]


def _without_spare_weights(candidates: list[Path]) -> list[Path]:
    """HDF5 of weights alone is often kept beside the whole model, and says nothing besides."""
    spare = [
        path
        for path in candidates
        if path.suffix.lower() in HDF5_SUFFIXES and "weights" in path.name.lower()
    ]
    whole = [path for path in candidates if path not in spare]
    if whole and spare:
        logger.info("%s is taken for the weights of %s", spare[0].name, whole[0].name)
    return whole or candidates


def _candidates(directory: Path) -> Iterator[Path]:
    if (directory / saved_model.FILE_NAME).is_file():
        yield directory
    for path in directory.iterdir():
        if path.name.startswith(".") or path.name == CODE or path.suffix == store.SUFFIX:
            continue
        if _is_model_file(path):
            yield path
        elif path.is_dir() and (path / saved_model.FILE_NAME).is_file():
            if not path.name.isdecimal():
                yield path
        elif path.is_dir() and not path.name.isdecimal():
            yield from _newest(path)
    yield from _newest(directory)


def _is_model_file(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in FILE_SUFFIXES


def _newest(directory: Path) -> Iterator[Path]:
    """What is in the newest of the version folders, ``1/``, ``2/``, of TensorFlow Serving."""
    versions = [path for path in directory.iterdir() if path.is_dir() and path.name.isdecimal()]
    if versions:
        newest = max(versions, key=lambda path: int(path.name))
        if len(versions) > 1:
            logger.info("%s is the newest of %d versions, and is served", newest, len(versions))
        if (newest / saved_model.FILE_NAME).is_file():
            yield newest
        else:
            yield from (file for file in newest.iterdir() if _is_model_file(file))


def _listing(directory: Path, candidates: list[Path]) -> str:
    if candidates:
        return "models found: " + ", ".join(str(path.relative_to(directory)) for path in candidates)
    if not directory.is_dir():
        return "there is no such directory"
    names = sorted(
        ascii(path.name) if NO_TEXT.search(path.name) else path.name for path in directory.iterdir()
    )
    return "found: " + (", ".join(names[:20]) or "nothing")
