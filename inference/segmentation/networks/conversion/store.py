"""Graphs on disk: three files in a folder, and whether they fit an artifact.

    graph.xml, graph.bin    the graph, in OpenVINO's own format; missing where there is none
    graph.json              what it was made of, by which versions, and what is known of it
    int8.xml, int8.bin      the graph in int8, where ``prepare.py --int8`` made one
    int8.json               the preprocessing of the images that it was calibrated on

They lie beside an artifact, where ``scripts/models/prepare.py`` put them, or in a cache folder.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import mmap
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import openvino as ov

from ...errors import ModelError
from ...spec_entries import Ports
from ..network import Description, Ends, Geometry, round_up
from . import architecture, describe, graphs, kept, rounding, saved_model, sources
from .convert import Conversion

XML, JSON = "graph.xml", "graph.json"
INT8, INT8_JSON = "int8.xml", "int8.json"
SUFFIX = ".graph"  # of the folder beside an artifact
FORMAT = 12  # of these files, and of what the converter does: a change makes old ones unfit
# of the last two, one is there
CONVERTERS = ("openvino", "onnxruntime", "keras", "tf-keras", "tensorflow-cpu", "tensorflow")
MAX_JSON = 100_000  # bytes
REMEDY = "prepare the model again, or remove that folder"
PICTURE_SIDE = 256  # of the image for which a graph's tensors are weighed, in pixels
LARGEST_TENSOR = 1 << 30  # bytes
CACHE_BYTES = 4 << 30  # of a cache folder; what was not used for longest goes first


def digest(path: Path, ports: Ports | None = None) -> str:
    """A hash of all that is read of an artifact, and of the versions that read it.

    Args:
        ports: what its spec says of its input and its outputs.
    """
    total = hashlib.sha256(f"{FORMAT} {_versions()}".encode())
    if ports and ports != Ports():
        total.update(repr(ports).encode())
    for name, file in files_of(path):
        total.update(f"\n{name} {file.stat().st_size}\n".encode())
        with file.open("rb") as opened:
            total.update(hashlib.file_digest(opened, "sha256").digest())
    return total.hexdigest()


def files_of(path: Path) -> Iterator[tuple[str, Path]]:
    """The files of an artifact, with their names in it."""
    if not path.is_dir():
        yield path.name, path
        yield from _named_in(path) if path.suffix.lower() == ".onnx" else ()
        described = architecture.beside(path)
        if described:
            yield described.name, described
        return
    yield saved_model.FILE_NAME, path / saved_model.FILE_NAME
    for file in sorted((path / "variables").glob("*")):
        yield f"variables/{file.name}", file


def _named_in(path: Path) -> Iterator[tuple[str, Path]]:
    """The files in its folder whose names stand in a file: ONNX may keep its weights so."""
    if not path.stat().st_size:
        return  # nothing could be mapped
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for other in sorted(path.parent.rglob("*")):
            if other != path and other.is_file() and content.find(other.name.encode()) >= 0:
                yield str(other.relative_to(path.parent)), other


def beside(path: Path) -> Path:
    """The folder of a prepared graph."""
    if (path / saved_model.FILE_NAME).is_file() and not path.name.isdigit():
        return path / f"saved_model{SUFFIX}"
    return path.with_name(path.name + SUFFIX)


def folder_in(folder: str | Path) -> Path:
    """Where a converting process puts the graph, of all that it writes to a folder."""
    return Path(folder, "graph")


def write(folder: Path, conversion: Conversion, wanted: str) -> None:
    """Write what became of an artifact.

    Args:
        wanted: the digest of the artifact.
    """
    if conversion.graph is not None:
        ov.save_model(conversion.graph, folder / XML, compress_to_fp16=False)
        rounding.keep_ends_exact(folder / XML)
    known = {
        "digest": wanted,
        "versions": _versions(),
        "description": asdict(conversion.description),
        "form": asdict(conversion.form),
        "unconverted": conversion.unconverted,
        "notes": conversion.notes,
        "assumed": conversion.assumed,
    }
    (folder / JSON).write_text(json.dumps(known, indent=1) + "\n")


def read(folder: Path, wanted: str, name: str) -> Conversion | None:
    """Read what became of an artifact; None where the folder holds nothing, or nothing that fits.

    Args:
        wanted: the digest of the artifact.
        name: of the artifact.

    Raises:
        ModelError: it claims to fit, and is broken.
    """
    try:
        with (folder / JSON).open("rb") as file:
            known = json.loads(file.read(MAX_JSON))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as exc:
        raise ModelError(f"{folder.name}/{JSON} cannot be read: {exc}; {REMEDY}") from exc
    if not isinstance(known, dict) or known.get("digest") != wanted:
        return None
    try:
        return _parsed(folder, known, name)
    except (KeyError, TypeError, ValueError, OSError, RuntimeError) as exc:
        raise ModelError(f"{folder.name} is broken: {sources.in_a_line(exc)}; {REMEDY}") from exc


def _parsed(folder: Path, known: dict[str, Any], name: str) -> Conversion:
    told = known["description"]
    geometry, ends = kept.geometry(told["geometry"]), kept.ends(told["ends"])
    graph = int8 = None
    int8_for = ""
    if known["unconverted"]:
        described = Description(
            name,
            int(told["channels"]),
            kept.length(told["height"]),
            kept.length(told["width"]),
            int(told["classes"]),
            kept.length(told["batch"]),
            geometry,
            ends,
        )
    else:
        graph, described = _read_graph(folder / XML, name, geometry, ends)
        if (folder / INT8).is_file():
            int8, also = _read_graph(folder / INT8, name, geometry, ends)
            if also != described:
                raise ValueError(f"{INT8} is of another network than {XML}")
            int8_for = _calibrated_on(folder)
    notes, assumed = (tuple(map(str, known[key])) for key in ("notes", "assumed"))
    reason = str(known["unconverted"])
    return Conversion(
        described, kept.form(known["form"]), graph, reason, notes, assumed, int8, int8_for
    )


def _read_graph(
    file: Path, name: str, geometry: Geometry, ends: Ends
) -> tuple[ov.Model, Description]:
    graph = ov.Core().read_model(file)
    described = describe.of_graph(graph, name, geometry, ends)
    _check_size(graph, described)
    return graph, described


def write_calibration(folder: Path, preprocessing: str) -> None:
    """Remember of which images the graph in int8 was calibrated."""
    (folder / INT8_JSON).write_text(json.dumps({"preprocessing": preprocessing}) + "\n")


def _calibrated_on(folder: Path) -> str:
    with (folder / INT8_JSON).open("rb") as file:
        return str(json.loads(file.read(MAX_JSON))["preprocessing"])


def remove_int8(folder: Path) -> None:
    """Remove the graph in int8, if there is one."""
    for file in folder.glob(f"{Path(INT8).stem}.*"):
        file.unlink()


def _check_size(graph: ov.Model, described: Description) -> None:
    """A graph of a few bytes can ask for any amount of memory; this one was not tried here."""
    side = round_up(PICTURE_SIDE, described.geometry.stride)
    size = described.height or side, described.width or side
    taken = graphs.largest_tensor(graph, (described.batch or 1, *size, described.channels))
    if taken > LARGEST_TENSOR:
        raise ValueError(f"one of its tensors has {taken:,} bytes for an image of {size}")


def keep(folder: Path, cache: Path, wanted: str) -> Path:
    """Move a folder into a cache, where another one of that digest is as good.

    Returns:
        Where it lies then.
    """
    place = cache / wanted
    with contextlib.suppress(OSError):  # somebody else was faster
        folder.rename(place)
    _forget_oldest(cache)
    return place


def use(folder: Path) -> None:
    """Remember that a folder of a cache was used."""
    with contextlib.suppress(OSError):
        os.utime(folder)


def _forget_oldest(cache: Path) -> None:
    kept = 0
    for folder in sorted(cache.glob("[0-9a-f]" * 64), key=_last_used, reverse=True):
        kept += sum(file.stat().st_size for file in folder.glob("*"))
        if kept > CACHE_BYTES:
            shutil.rmtree(folder, ignore_errors=True)


def _last_used(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # it was removed meanwhile
        return 0


def _versions() -> str:
    found = []
    for name in CONVERTERS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{name.removesuffix('-cpu')} {importlib.metadata.version(name)}")
    return ", ".join(found)
