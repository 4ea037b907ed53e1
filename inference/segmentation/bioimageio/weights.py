"""Which weights of a bioimage.io package are served, and that they are what it says."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import ModelError
from . import bundle
from .document import shown
from .tensors import File, file_of

ONNX, SAVED_MODEL = "onnx", "tensorflow_saved_model_bundle"
# the first that a package has is served: what OpenVINO reads as it is comes first
SUFFIXES = {
    ONNX: (".onnx",),
    SAVED_MODEL: (),
    "keras_v3": (".keras",),
    "keras_hdf5": (".h5", ".hdf5", ".keras"),
}
EXPORT = {
    "pytorch_state_dict": "torch.onnx.export",
    "torchscript": "torch.onnx.export",
    "tensorflow_js": "the SavedModel that it was converted from",
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Weights:
    """Weights that can be served.

    Attributes:
        kind: one of SUFFIXES.
        file: of them; a folder or a zip of one, where they are a SavedModel.
        beside: another file that they need, with values of ONNX, or None.
    """

    kind: str
    file: File
    beside: File | None = None

    def artifact(self, directory: Path) -> Path:
        """The file, or the folder of a SavedModel, verified and unpacked.

        Raises:
            ModelError: it is missing, or is not what the package says.
        """
        if self.beside:
            _verify(existing(directory, self.beside), self.beside)
        if self.kind == SAVED_MODEL:
            return self._saved_model(directory)
        path = existing(directory, self.file)
        if path.suffix.lower() not in SUFFIXES[self.kind]:
            raise ModelError(
                f"weights.{self.kind} is {self.file.source!r}; its name ends in "
                f"{' or '.join(SUFFIXES[self.kind])}; rename it"
            )
        _verify(path, self.file)
        return path

    def packed(self, directory: Path) -> Path | None:
        """The zip, verified, that has to be unpacked at every start; None: there is none.

        Raises:
            ModelError: it is not what the package says.
        """
        if self.kind != SAVED_MODEL:
            return None
        path = inside(directory, self.file)
        if not path.is_file():
            return None
        _verify(path, self.file)
        return None if bundle.unpacked(path, self.file.sha256) else path

    def _saved_model(self, directory: Path) -> Path:
        path = inside(directory, self.file)
        if path.is_dir():
            if self.file.sha256:
                logger.warning("%s is a folder, which its sha256 is not compared with", path.name)
            return bundle.model_in(path)
        if path.is_file():
            _verify(path, self.file)
        beside = bundle.unpacked(path, self.file.sha256)
        return beside or bundle.unpack(existing(directory, self.file))


def read(entries: Mapping[str, Any]) -> list[Weights]:
    """The weights of a description that can be served, the preferred ones first.

    Raises:
        ModelError: they are malformed, or there are none.
    """
    described = entries.get("weights")
    if not isinstance(described, Mapping):
        raise ModelError(f"weights is {shown(described)}; it is a mapping of their formats")
    found = list(_known(described))
    if not found:
        kinds = [str(kind)[:40] for kind, value in described.items() if value is not None]
        ways = dict.fromkeys(EXPORT[kind] for kind in kinds if kind in EXPORT)
        how = f" ({', '.join(ways)})" if ways else ""
        raise ModelError(
            f"weights are of {', '.join(kinds) or 'no format'}, which runs code, or is not "
            f"read here; served are {', '.join(SUFFIXES)}; export the network to ONNX{how}, and "
            "add it to the package"
        )
    return found


def _known(described: Mapping[str, Any]) -> Iterator[Weights]:
    for kind in SUFFIXES:
        entry = described.get(kind)
        if entry is None:
            continue
        place = f"weights.{kind}"
        file = file_of(entry, place)
        assert file, "the entry is something"
        beside = None
        if kind == ONNX and isinstance(entry, Mapping):
            beside = file_of(entry.get("external_data"), f"{place}.external_data")
        yield Weights(kind, file, beside)


def inside(directory: Path, file: File) -> Path:
    """The path of a file of the package, whether or not there is one.

    Raises:
        ModelError: it is an address, or lies outside.
    """
    if "://" in file.source:
        raise ModelError(
            f"{shown(file.source)} is an address, and nothing is fetched here; save the package "
            "with all of its files, as bioimageio.spec does"
        )
    path = PurePosixPath(file.source)
    if path.is_absolute() or ".." in path.parts or "\\" in file.source or "\0" in file.source:
        raise ModelError(f"{shown(file.source)} lies outside of the package")
    return directory / path


def existing(directory: Path, file: File) -> Path:
    """As ``inside``, of a file that is there."""
    path = inside(directory, file)
    if not path.is_file():
        raise ModelError(
            f"{shown(file.source)} is not in the package; save the package with all of its files"
        )
    return path


def _verify(path: Path, file: File) -> None:
    if not file.sha256:
        return
    found = bundle.digest(path)
    if found != file.sha256:
        raise ModelError(
            f"{path.name} has sha256 {found}, and not {file.sha256}; it was changed, or is not "
            "whole; fetch the package again"
        )
