"""From an artifact to the source of a network: prepared, kept from before, or converted now."""

import contextlib
import fcntl
import json
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ... import folders, machine
from ...errors import ModelError, OutOfMemory
from ...spec_entries import Ports
from ..network import Source
from . import child, sandbox, store
from .convert import Conversion, convert
from .readers import KERAS_SUFFIXES, Reading, keras_model

logger = logging.getLogger(__name__)

CHILD = child.__name__
# what converting may take beyond its libraries, more than was measured with 16 and 64 filters: at
# least, and per byte of the artifact
LEAST_MEMORY = 1 << 30
MEMORY_FACTOR = 16
LEAST_DISK = 1 << 20  # bytes; with less left, it was the disk that ended it
# what it takes with its libraries, more than was measured with these: at least, and per byte
USUAL_MEMORY = 700 << 20
USUAL_FACTOR = 5


def load(path: Path, cache: Path | None = None, ports: Ports | None = None) -> Source:
    """Make a graph of an artifact, or find the one that was made of it before.

    Args:
        path: of the file, or of the folder of a SavedModel.
        cache: a folder in which graphs are kept by the content of their artifacts; None: they are
            not kept.
        ports: what its spec says of its input and its outputs.

    Raises:
        ModelError: it is broken, must not be read, or is no model from images to images.
        OutOfMemory: it cannot be converted with the memory that is left.
    """
    ports = ports or Ports()
    wanted = store.digest(path, ports)
    prepared = store.beside(path)
    found = store.read(prepared, wanted, path.name)
    if found:
        logger.info("%s: its graph comes prepared", path.name)
        return _source(path, found)
    if prepared.exists():
        logger.warning("%s: %s does not fit, and is not used", path.name, prepared.name)
    cache = _own_folder(cache) if cache else None
    if cache is None:
        return _source(path, _converted(path, wanted, None, ports))
    with _one_at_a_time(cache):  # of several workers, one converts
        found = store.read(cache / wanted, wanted, path.name)
        if found:
            store.use(cache / wanted)
            logger.info("%s: its graph was made before", path.name)
        return _source(path, found or _converted(path, wanted, cache, ports))


def prepare(path: Path, ports: Ports | None = None) -> Conversion:
    """Put the graph of an artifact beside it, where ``load`` finds it.

    Args:
        ports: as of ``load``.

    Raises:
        ModelError, OutOfMemory: as ``load``.
    """
    ports = ports or Ports()
    wanted, place = store.digest(path, ports), store.beside(path)
    found = store.read(place, wanted, path.name)
    if found:
        return found
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".graph-") as temporary:
        conversion = convert_into(path, Path(temporary), wanted, ports)
        shutil.rmtree(place, ignore_errors=True)
        store.folder_in(temporary).rename(place)
    return conversion


def of_keras(model: Any, name: str = "model", ports: Ports | None = None) -> Source:
    """Make a graph of a Keras model that code of the user made, in this process.

    Args:
        ports: as of ``load``.

    Raises:
        ModelError: it is no model from images to images, or fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        return of_reading(keras_model(model, Path(folder)), name, lambda: model, ports)


def of_reading(
    reading: Reading, name: str, loader: Callable[[], Any] | None, ports: Ports | None = None
) -> Source:
    """Make a graph of what was read in this process.

    Args:
        loader: gives what TensorFlow runs; None: it cannot run this kind.
        ports: as of ``load``.

    Raises:
        ModelError: as ``of_keras``.
    """
    conversion = convert(reading, name, ports)
    _log(name, conversion)
    return _of(conversion, loader)


def convert_into(path: Path, folder: Path, wanted: str, ports: Ports) -> Conversion:
    """Convert an artifact in a child process.

    Args:
        folder: for whatever it writes; the graph is in its ``store.folder_in``.
        wanted: the artifact's digest.
        ports: as of ``load``.

    Raises:
        ModelError, OutOfMemory: as ``load``.
    """
    size = sum(file.stat().st_size for _, file in store.files_of(path))
    needed = LEAST_MEMORY + MEMORY_FACTOR * size
    left = machine.available_memory()
    usual = USUAL_MEMORY + USUAL_FACTOR * size
    if usual > left:
        raise OutOfMemory(
            f"converting {path.name} needs about {usual >> 20:,} MB of memory; {left >> 20:,} MB "
            "are left; bring the model prepared (scripts/models/prepare.py), or take a larger "
            "instance"
        )
    memory = min(needed, left)
    limits = sandbox.Limits(memory=memory, file=needed)
    folder = folder.resolve()
    target = store.folder_in(folder)
    target.mkdir()
    told = [str(path.resolve()), str(target), wanted, json.dumps(asdict(ports))]
    status = sandbox.run(CHILD, told, folder, limits)
    if status == 0:
        conversion = store.read(target, wanted, path.name)
        assert conversion, "the child wrote it"
        return conversion
    message, of_memory = _why(target, status, path.name, limits)
    raise OutOfMemory(message) if of_memory and memory < needed else ModelError(message)


def _converted(path: Path, wanted: str, cache: Path | None, ports: Ports) -> Conversion:
    with tempfile.TemporaryDirectory(dir=cache, ignore_cleanup_errors=True) as temporary:
        conversion = convert_into(path, Path(temporary), wanted, ports)
        _log(path.name, conversion)
        if cache:
            store.keep(store.folder_in(temporary), cache, wanted)
        return conversion  # the file of its weights is mapped, and may go


@contextlib.contextmanager
def _one_at_a_time(cache: Path) -> Iterator[None]:
    with open(cache / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _why(folder: Path, status: int, name: str, limits: sandbox.Limits) -> tuple[str, bool]:
    """Why a conversion failed, and whether that may be for want of memory."""
    try:
        error = json.loads((folder / child.ERROR).read_text())
        return error["message"], error["of_memory"]
    except (OSError, ValueError, KeyError):
        if shutil.disk_usage(folder).free < LEAST_DISK:
            return f"{name} cannot be converted: the disk of {folder.parents[1]} is full", False
        why = sandbox.what_ended(status, limits)
        message = (
            f"{name} cannot be converted: it {why}; it asks for far more than its size lets "
            "expect; save it again, or export it anew"
        )
        return message, status != -signal.SIGXCPU


def _source(path: Path, conversion: Conversion) -> Source:
    return _of(conversion, _loader(path))


def _of(conversion: Conversion, loader: Callable[[], Any] | None) -> Source:
    known = vars(conversion.description)
    for sentence in conversion.assumed:
        logger.warning("%s: %s", conversion.description.name, sentence)
    return Source(
        **known,
        form=conversion.form,
        graph=conversion.graph,
        int8=conversion.int8,
        int8_for=conversion.int8_for,
        unconverted=conversion.unconverted,
        load=loader,
        assumed=conversion.assumed,
    )


def _loader(path: Path) -> Callable[[], Any] | None:
    """What loads an artifact for TensorFlow; None: it cannot run this kind."""
    if path.is_dir():
        from . import saved_model

        return lambda: saved_model.load(path)
    if path.suffix.lower() not in KERAS_SUFFIXES:
        return None

    def load_keras() -> Any:
        from . import keras_files

        return keras_files.load(path)

    return load_keras


def _log(name: str, conversion: Conversion) -> None:
    if conversion.unconverted:
        logger.warning("%s has no graph: %s", name, conversion.unconverted)
    for note in conversion.notes:
        logger.info("%s: %s", name, note)


def _own_folder(cache: Path) -> Path | None:
    """The cache, if nobody else can put anything there."""
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = folders.is_private(cache.resolve())
    except OSError as exc:
        logger.warning("graphs are not kept: %s: %s", cache, exc.strerror)
        return None
    if not private or not os.access(cache, os.W_OK):
        logger.warning("graphs are not kept in %s, which others can write to", cache)
        return None
    return cache
