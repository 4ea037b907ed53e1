"""A bioimage.io package in a model directory: its weights, what they mean, its published test.

``entries`` are those of ``model.json``, which replaces them one by one where it stands beside the
package.
"""

import contextlib
import functools
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import folders
from ..errors import ModelError
from . import arrays, bundle, classes, document, sizes, steps, tensors, weights
from .document import shown
from .steps import Ending, Levels
from .tensors import Tensor

AXES = ("bcyx", "byxc", "cyx", "yxc", "byx", "yx")
OLD, NEW = "0.4", "0.5"
_SWAP = str.maketrans("xy", "yx")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Test:
    """What a package publishes of itself.

    Attributes:
        pixels: the input as it is stored, (N, H, W, C) of any type.
        levels: of its values.
        expected: the output as published, (N, h, w, K) of any type.
        ending: what was done to what the network gives.
    """

    pixels: np.ndarray
    levels: Levels
    expected: np.ndarray
    ending: Ending


@dataclass(frozen=True)
class Package:
    """A description, and the folder that it stands in.

    Attributes:
        directory: of the model.
        name: of the description's file.
        described: what it says.
    """

    directory: Path
    name: str
    described: Mapping[str, Any]

    @property
    def is_old(self) -> bool:
        """Whether it is of format 0.4."""
        return str(self.described["format_version"]).startswith(OLD)

    def entries(self, said: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What it says of the model, as ``model.json`` would.

        Args:
            said: what a ``model.json`` beside it says, which need not be served as it is here.

        Returns:
            All entries, those that were said as they were.

        Raises:
            ModelError: it is malformed, or says something that cannot be done here.
        """
        said = said or {}
        with self._named():
            axes = said["input"].get("axes") if "input" in said else None
            taken = self._input(axes)
            index, given = self._output(said.get("output"))
            found: dict[str, Any] = {"input": {"axes": taken.axes}}
            if "output" not in said:
                found["output"] = self._port(index, given)
            if "preprocessing" not in said:
                found["preprocessing"] = self._preprocessing(taken)
            ending = self._ending(given, "postprocessing" in said)
            found |= {
                "postprocessing": [{"id": ending.activation}] if ending.activation else [],
                "threshold": ending.threshold,
                "classes": classes.named(given, ending),
                "multilabel": classes.overlap(given, ending),
                "tiles": sizes.of(taken.described, given.described) or None,
            }
            return {key: value for key, value in found.items() if value is not None} | dict(said)

    def artifact(self, filename: str | None = None) -> Path:
        """The weights that are served: a file, or the folder of a SavedModel.

        Args:
            filename: which of several, as the description names them; None: the preferred ones.

        Raises:
            ModelError: there are none that can be served, or they are not what it says.
        """
        with self._named():
            return self._weights(filename).artifact(self.directory)

    def packed(self, filename: str | None = None) -> Path | None:
        """The zip of a SavedModel that would have to be unpacked at every start, or None."""
        with self._named():
            return self._weights(filename).packed(self.directory)

    def test(self, output: str | int | None = None, axes: str | None = None) -> Test | None:
        """Its test tensors; None where it names none.

        Args:
            output: which of its outputs, by name or from 0; None: the first image.
            axes: of its input, where ``model.json`` says others than it.

        Raises:
            ModelError: they are missing or broken, or do not fit the description; or what was
                done to the output is not known here.
        """
        with self._named():
            taken, (_, given) = self._input(axes), self._output(output)
            if taken.axes == self._image().axes.translate(_SWAP):
                given = replace(given, axes=given.axes.translate(_SWAP))
            if taken.test is None and given.test is None:
                return None
            pixels, expected = (
                arrays.existing(self.directory, tensor) for tensor in (taken, given)
            )
            return Test(
                arrays.as_images(pixels, taken),
                arrays.levels(taken, pixels),
                arrays.as_images(expected, given),
                steps.postprocessing(given),
            )

    def _preprocessing(self, taken: Tensor) -> list[dict[str, Any]]:
        levels = arrays.levels(taken, arrays.read(self.directory, taken))
        entries, notes = steps.preprocessing(taken, levels)
        for note in notes:
            _warn_once(f"{self.name}: {note}")
        return entries

    def _ending(self, given: Tensor, said: bool) -> Ending:
        """What follows the network; what cannot be done does no harm where ``model.json`` says."""
        with contextlib.suppress(*([ModelError] if said else [])):
            return steps.postprocessing(given)
        return Ending()

    def _image(self) -> Tensor:
        """The input, as it is described."""
        found = tensors.read(self.described, "inputs", self.is_old)
        needed = [tensor for tensor in found if not tensor.optional]
        if len(needed) != 1:
            names = ", ".join(tensor.name for tensor in found)
            raise ModelError(
                f"inputs are {names}; a model takes one image here; export one that does"
            )
        return needed[0]

    def _input(self, axes: str | None) -> Tensor:
        """The input, with other axes where ``model.json`` says so."""
        taken = self._image()
        if axes and axes in AXES and set(axes) == set(taken.axes):
            return replace(taken, axes=axes)
        if taken.axes not in AXES:
            others = taken.axes.translate(_SWAP)
            hint = (
                f'; if its rows come first all the same, say so: "input": {{"axes": "{others}"}} '
                "in model.json"
                if others in AXES
                else ""
            )
            raise ModelError(
                f"input {taken.name} has the axes {taken.axes!r}; served are images of two "
                f"dimensions: {', '.join(AXES)}; export a network of these{hint}"
            )
        return taken

    def _output(self, wanted: str | int | None) -> tuple[int, Tensor]:
        """The output that is taken, and its index."""
        found = tensors.read(self.described, "outputs", self.is_old)
        names = ", ".join(f"{tensor.name} ({tensor.axes})" for tensor in found)
        for index, tensor in enumerate(found):
            if wanted in (index, tensor.name) or (wanted is None and tensor.is_image):
                if not tensor.is_image:
                    break
                if len(found) > 1 and wanted is None:
                    _warn_once(f"{self.name}: outputs are {names}; {tensor.name} is taken")
                return index, tensor
        asked = "" if wanted is None else f", and model.json takes {wanted!r}"
        raise ModelError(
            f"outputs are {names}{asked}; taken is one that is an image: y, x, and at most b and c"
        )

    def _port(self, index: int, given: Tensor) -> str | int | None:
        """The output as any of the weights know it: by its place, but of a SavedModel by its name.

        Raises:
            ModelError: some know it by its place, and some by its name.
        """
        kinds = []
        with contextlib.suppress(ModelError):  # code of the user may load the model
            kinds = [one.kind for one in weights.read(self.described)]
        if weights.SAVED_MODEL not in kinds:
            return index
        if len(self.described["outputs"]) == 1:
            return None
        if set(kinds) == {weights.SAVED_MODEL}:
            return given.name
        raise ModelError(
            f"it has several outputs, which {weights.SAVED_MODEL} has by name, and others of its "
            f'weights, {", ".join(kinds)}, by place; say which one is taken: "output": '
            f'"{given.name}", or {index}, in model.json'
        )

    def _weights(self, filename: str | None) -> weights.Weights:
        found = weights.read(self.described)
        if filename is None:
            return found[0]
        for one in found:
            if one.file.source.removeprefix("./") == filename.rstrip("/").removeprefix("./"):
                return one
        names = ", ".join(one.file.source for one in found)
        raise ModelError(
            f"`model_filename` is {filename!r}; weights that can be served are {names}"
        )

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Errors say where they come from."""
        try:
            yield
        except ModelError as exc:
            raise ModelError(f"{self.name}: {exc}") from exc


def read(directory: str | Path) -> Package | None:
    """The package of a model directory; None: it holds none.

    Raises:
        ModelError: the description cannot be read, or is none of a model of format 0.4 or 0.5.
    """
    directory = folders.root(directory)
    path = document.find(directory)
    if path is None:
        return None
    described = document.read(path)
    kind, version = described.get("type"), described.get("format_version")
    if kind != "model":
        raise ModelError(f"{path.name} describes {shown(kind)}, and no model; {document.RULE}")
    if not isinstance(version, str) or not version.startswith((f"{OLD}.", f"{NEW}.")):
        raise ModelError(
            f"{path.name} is of format_version {shown(version)}; read are {OLD} and {NEW}; "
            "`bioimageio update-format` brings it to the latest one"
        )
    return Package(directory, path.name, described)


@dataclass(frozen=True)
class Unpacked:
    """What was made of the zip of a SavedModel.

    Attributes:
        zip: its path.
        files: in the folder of its name.
    """

    zip: Path
    files: tuple[Path, ...]


def unpack_beside(directory: Path, filename: str | None = None) -> Unpacked | None:
    """Unpack the zip of a package beside it, so that no start has to.

    Returns:
        None where there is nothing to unpack.

    Raises:
        ModelError: it cannot be unpacked.
    """
    package = read(directory)
    path = package.packed(filename) if package else None
    if path is None:
        return None
    made = bundle.unpack_beside(path)
    return Unpacked(path, tuple(file for file in made.rglob("*") if file.is_file()))


@functools.cache
def _warn_once(message: str) -> None:
    """What is read more than once is said once."""
    logger.warning("%s", message)
