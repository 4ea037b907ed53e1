"""Loading what people have: a Keras model of any kind, from the files in a model directory.

    .keras                a model of Keras 3
    .h5, .hdf5            a whole model of Keras 2 or 3
    .h5, .hdf5            weights alone of Keras 2 or 3, for the U-Net of ``unet.build``
    saved_model.pb        a SavedModel folder, also inside a version folder such as ``1/``

Nothing is unpickled and no code from an artifact runs: Lambda layers are refused before Keras sees
them, and its safe mode stays on besides (https://keras.io/api/models/model_saving_apis/). HDF5 that
points into other files is refused, and so is a SavedModel that does more than compute.
"""

import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from . import machine, saved_model
from .errors import ModelError, OutOfMemory

METADATA = "model.json"
FILE_SUFFIXES = (".keras", ".h5", ".hdf5")
SAVED_MODEL = saved_model.FILE_NAME
# more than was measured with 16 and 64 filters: what one more process takes, and what a model does
# until it has answered its first image, per byte of its files
RUNTIME_BYTES = 400 * 1024 * 1024
LOADING_FACTOR = 5
KINDS = "a .keras file, an .h5 or .hdf5 file, or a SavedModel folder"


@dataclass(frozen=True)
class Model:
    """A loaded model and what is known of it.

    Attributes:
        network: callable, float32 (N, H, W, channels) in 0–1 -> float32 (N, H, W, classes).
        channels: C of its input.
        height, width: of its input; None where the size is free.
        classes: 1 for one foreground probability, K > 1 for one probability per class.
        threshold, class_names, class_colors: from ``model.json``; None or empty where it is silent.
        name: of the artifact.
    """

    network: Callable
    channels: int
    height: int | None
    width: int | None
    classes: int
    threshold: float | None = None
    class_names: tuple[str, ...] = ()
    class_colors: tuple[str, ...] = ()
    name: str = ""

    @property
    def mask_threshold(self) -> float:
        """What probabilities are compared with where nothing else is asked for."""
        return 0.5 if self.threshold is None else self.threshold


def load(model_dir: str | Path, filename: str | None = None) -> Model:
    """Load the model of a directory.

    Args:
        model_dir: the directory; ``code/`` in it is not looked at.
        filename: which of several artifacts to take, relative to ``model_dir``.

    Raises:
        ModelError: there is none, there are several, it is broken, or it is no model from images
            to images.
    """
    directory = Path(model_dir)
    path = _choose(directory, filename)
    try:
        network = _load_network(path)
    except (ModelError, MemoryError):
        raise
    except Exception as exc:  # Keras, TensorFlow and h5py raise almost anything on a broken file
        reason = " ".join(str(exc).split())[:500]
        raise ModelError(
            f"{path.name} cannot be loaded: {type(exc).__name__}: {reason}; it must be {KINDS}, "
            "whole, without custom layers; save it again, or bring a model_fn in code/inference.py"
        ) from exc
    return from_network(network, path.name, _read_metadata(directory / METADATA))


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


def _choose(directory: Path, filename: str | None) -> Path:
    candidates = sorted(_candidates(directory)) if directory.is_dir() else []
    if filename:
        chosen = [path for path in candidates if path == directory / filename.rstrip("/")]
        if not chosen:
            raise ModelError(
                f"UNET_MODEL_FILENAME is {filename!r}, which is no model in {directory}; "
                f"{_listing(directory, candidates)}"
            )
        return chosen[0]
    if not candidates:
        raise ModelError(
            f"no model in {directory}; it must hold {KINDS}; {_listing(directory, candidates)}"
        )
    if len(candidates) > 1:
        raise ModelError(
            f"{len(candidates)} models in {directory}; one is served; name it in "
            f"UNET_MODEL_FILENAME; {_listing(directory, candidates)}"
        )
    return candidates[0]


def _candidates(directory: Path) -> Iterator[Path]:
    if (directory / SAVED_MODEL).is_file():
        yield directory
    for path in directory.iterdir():
        if path.name.startswith(".") or path.name == "code":
            continue
        if path.is_file() and path.suffix.lower() in FILE_SUFFIXES:
            yield path
        elif path.is_dir():
            yield from (found.parent for found in _saved_models(path))


def _saved_models(directory: Path) -> Iterator[Path]:
    """The SavedModel of a folder, or those of its version folders (TensorFlow Serving's layout)."""
    if (directory / SAVED_MODEL).is_file():
        yield directory / SAVED_MODEL
    else:
        yield from directory.glob(f"*/{SAVED_MODEL}")


def _listing(directory: Path, candidates: list[Path]) -> str:
    if candidates:
        return "models found: " + ", ".join(str(path.relative_to(directory)) for path in candidates)
    if not directory.is_dir():
        return "there is no such directory"
    names = sorted(path.name for path in directory.iterdir())
    return "found: " + (", ".join(names[:20]) or "nothing")


def _load_network(path: Path) -> Any:
    if path.is_dir():
        return _load_saved_model(path)
    if path.suffix.lower() == ".keras":
        with zipfile.ZipFile(path) as archive:
            config = archive.read("config.json").decode()
    else:
        with h5py.File(path, "r") as file:
            _refuse_links(file, path)
            config = file.attrs.get("model_config")
            if config is None:
                from . import weights

                return weights.load_unet(file)
    _refuse_lambda(config if isinstance(config, str) else config.decode(), path)
    import keras

    return keras.saving.load_model(path, compile=False, safe_mode=True)


def _refuse_lambda(config: str, path: Path) -> None:
    if re.search(r'"(Lambda|__lambda__)"', config):
        raise ModelError(
            f"{path.name} has a Lambda layer, which holds code; code in an artifact is never run; "
            "replace it with a layer of Keras, or build the model in code/inference.py"
        )


def _refuse_links(file: h5py.File, path: Path) -> None:
    """A file of weights could otherwise bring in any other HDF5 file, or raw bytes of any file."""

    def look(name: str, link: Any) -> None:
        if isinstance(link, h5py.ExternalLink):
            outside.append(f"{name} -> {link.filename}")
            return
        item = file[name] if isinstance(link, h5py.HardLink) else None
        if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
            outside.append(name)

    outside: list[str] = []
    file.visititems_links(look)
    if outside:
        raise ModelError(
            f"{path.name} takes {outside[0]} from another file; an artifact is one file; "
            "save the model again"
        )


def _load_saved_model(path: Path) -> Callable:
    import tensorflow as tf

    saved_model.refuse_effects(path)
    loaded = tf.saved_model.load(str(path))
    signatures = loaded.signatures
    name = "serving_default" if "serving_default" in signatures else next(iter(signatures), None)
    if name is None:
        raise ModelError(f"{path.name} has no signature; export it with model.export()")
    return SavedModelNetwork(loaded, signatures[name])


class SavedModelNetwork:
    """A signature of a SavedModel as a function from one tensor to one tensor."""

    def __init__(self, loaded: Any, signature: Any):
        self._loaded = loaded  # owns the variables of the signature
        self._signature = signature
        _, inputs = signature.structured_input_signature
        outputs = signature.structured_outputs
        self.inputs, self.outputs = list(inputs.values()), list(outputs.values())
        self._input, self._output = next(iter(inputs)), next(iter(outputs))

    def __call__(self, images: Any, training: bool = False) -> Any:
        return self._signature(**{self._input: images})[self._output]


def from_network(
    network: Any, name: str = "model", metadata: dict[str, Any] | None = None
) -> Model:
    """Describe a network; also one that a user's ``model_fn`` returned.

    Raises:
        ModelError: it does not have one image for its input and one of that size for its output.
    """
    rule = "a model has one input (N, H, W, C) and one output (N, H, W, K) of its height and width"
    inputs, outputs = getattr(network, "inputs", None), getattr(network, "outputs", None)
    if not inputs or not outputs:
        raise ModelError(
            f"{name} is {type(network).__name__}, of unknown inputs and outputs; {rule}"
        )
    shapes = [tuple(tensor.shape) for tensor in (*inputs, *outputs)]
    came = f"{name} takes {shapes[: len(inputs)]} and gives {shapes[len(inputs) :]}"
    if len(shapes) != 2 or {len(shape) for shape in shapes} != {4}:
        raise ModelError(f"{came}; {rule}; bring another in code/inference.py")
    (_, height, width, channels), (_, *size, classes) = shapes
    if channels is None or classes is None:
        raise ModelError(f"{came}; {rule}, C and K fixed")
    if any(a != b for a, b in zip((height, width), size, strict=True) if a and b):
        raise ModelError(f"{came}; {rule}; a mask has the image's size")
    return Model(network, channels, height, width, classes, name=name, **(metadata or {}))


def _read_metadata(path: Path) -> dict[str, Any]:
    """``model.json``: {"threshold": 0.5, "classes": [{"name": "cell", "color": "#ffd400"}]}."""
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text("utf-8"))
        threshold = content.get("threshold")
        classes = content.get("classes", [])
        names = tuple(str(entry["name"]) for entry in classes)
        colors = tuple(entry["color"] for entry in classes if "color" in entry)
        valid = threshold is None or 0 <= threshold <= 1
        valid &= all(re.fullmatch("#[0-9a-fA-F]{6}", color) for color in colors)
        valid &= len(colors) in (0, len(names))
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise ModelError(f"{METADATA} cannot be read: {exc!r}; {_METADATA_RULE}") from exc
    if not valid:
        raise ModelError(f"{METADATA} is {content}; {_METADATA_RULE}")
    return {"threshold": threshold, "class_names": names, "class_colors": colors}


_METADATA_RULE = (
    'it is {"threshold": 0–1, "classes": [{"name": "…", "color": "#rrggbb"}, …]}, background first'
)
