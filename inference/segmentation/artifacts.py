"""Loading what people have: a model of any kind, from the files in a model directory.

    .keras                a model of Keras 3
    .h5, .hdf5            a whole model of Keras 2 or 3
    .h5, .hdf5            weights alone of Keras 2 or 3, for the U-Net of ``networks/unet.py``
    saved_model.pb        a SavedModel folder, also inside a version folder such as ``1/``

Nothing is unpickled and no code from an artifact runs.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import machine
from .errors import ModelError, OutOfMemory
from .networks import saved_model
from .networks.network import Source, describe

FILE_SUFFIXES = (".keras", ".h5", ".hdf5")
KINDS = "a .keras file, an .h5 or .hdf5 file, or a SavedModel folder"
# more than was measured with 16 and 64 filters: what one more process takes, and what a model does
# until it has answered its first image, per byte of its files
RUNTIME_BYTES = 400 << 20
LOADING_FACTOR = 5
REASON_LENGTH = 500  # characters


def load(model_dir: str | Path, filename: str | None = None) -> Source:
    """Load the model of a directory.

    Args:
        model_dir: the directory; ``code/`` in it is not looked at.
        filename: which of several artifacts to take, relative to ``model_dir``.

    Raises:
        ModelError: there is none, there are several, it is broken, or it is no model from images
            to images.
    """
    path = _choose(Path(model_dir), filename)
    try:
        function = _load(path)
    except (ModelError, MemoryError):
        raise
    except Exception as exc:  # Keras, TensorFlow and h5py raise almost anything on a broken file
        reason = " ".join(str(exc).split())[:REASON_LENGTH]
        raise ModelError(
            f"{path.name} cannot be loaded: {type(exc).__name__}: {reason}; it must be {KINDS}, "
            "whole, without custom layers; save it again, or bring a model_fn in code/inference.py"
        ) from exc
    return describe(function, path.name)


def check_memory(model_dir: str | Path) -> None:
    """Judge by the size of the files whether a model will fit, before anything is loaded.

    Raises:
        OutOfMemory: it would not.
    """
    paths = (path for path in Path(model_dir).rglob("*") if path.is_file())
    needed = RUNTIME_BYTES + LOADING_FACTOR * sum(path.stat().st_size for path in paths)
    left = machine.available_memory()
    if needed > left:
        raise OutOfMemory(
            f"the model in {model_dir} needs about {needed >> 20:,} MB of memory; "
            f"{left >> 20:,} MB are left; unload another one, or take a larger instance"
        )


def _load(path: Path) -> Any:
    if path.is_dir():
        return saved_model.load(path)
    from .networks import keras_files  # h5py and Keras take long to import

    return keras_files.load(path)


def _choose(directory: Path, filename: str | None) -> Path:
    candidates = sorted(_candidates(directory)) if directory.is_dir() else []
    listing = _listing(directory, candidates)
    if filename:
        wanted = directory / filename.rstrip("/")
        if wanted not in candidates:
            raise ModelError(
                f"`model_filename` is {filename!r}, which is no model in {directory}; {listing}"
            )
        return wanted
    if not candidates:
        raise ModelError(f"no model in {directory}; it must hold {KINDS}; {listing}")
    if len(candidates) > 1:
        raise ModelError(
            f"{len(candidates)} models in {directory}; one is served; name it in "
            f"`model_filename`; {listing}"
        )
    return candidates[0]


def _candidates(directory: Path) -> Iterator[Path]:
    if (directory / saved_model.FILE_NAME).is_file():
        yield directory
    for path in directory.iterdir():
        if path.name.startswith(".") or path.name == "code":
            continue
        if path.is_file() and path.suffix.lower() in FILE_SUFFIXES:
            yield path
        elif path.is_dir():
            yield from (model_file.parent for model_file in _saved_models(path))


def _saved_models(directory: Path) -> Iterator[Path]:
    """The SavedModel of a folder, or those of its version folders (TensorFlow Serving's layout)."""
    if (directory / saved_model.FILE_NAME).is_file():
        yield directory / saved_model.FILE_NAME
    else:
        yield from directory.glob(f"*/{saved_model.FILE_NAME}")


def _listing(directory: Path, candidates: list[Path]) -> str:
    if candidates:
        return "models found: " + ", ".join(str(path.relative_to(directory)) for path in candidates)
    if not directory.is_dir():
        return "there is no such directory"
    names = sorted(path.name for path in directory.iterdir())
    return "found: " + (", ".join(names[:20]) or "nothing")
