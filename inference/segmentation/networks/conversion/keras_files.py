"""Keras models in files: ``.keras``, HDF5 with a whole model, HDF5 with weights alone.

Weights alone are those of the architecture in a JSON file beside them, or of ``networks/unet.py``.

What Keras 2 wrote is loaded by Keras 2: its own mark tells.

No code of an artifact runs: Lambda layers are refused before Keras sees them, and its safe mode
stays on besides (https://keras.io/api/models/model_saving_apis/). HDF5 that points into other files
is refused, too.
"""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import h5py

from ...errors import ModelError
from ...spec import MAX_ARCHITECTURE_BYTES as MAX_CONFIG_BYTES
from . import architecture, keras2, known_layers, weights

# how Keras 2 and 3 say that they do not know something
UNKNOWN = re.compile(
    r"(?:Could not locate (?:class|function)|Unknown (?:layer|activation function|object)):? "
    r"'(\w+)'"
)


def load(path: Path) -> Any:
    """The Keras model of a file.

    Raises:
        ModelError: it holds code, points into other files, or has the weights of another network.
        Exception: it is broken; h5py, zipfile and Keras raise almost anything then.
    """
    if path.suffix.lower() == ".keras":
        with zipfile.ZipFile(path) as archive:
            config = _member(archive, "config.json", path)
            version = json.loads(_member(archive, "metadata.json", path))["keras_version"]
    else:
        with h5py.File(path, "r") as file:
            _refuse_links(file, path)
            if "model_config" not in file.attrs:
                described = architecture.beside(path)
                return _of_architecture(described, path) if described else weights.load_unet(file)
            config = _text(file.attrs["model_config"])
            _check_length("model_config", len(config), path)
            version = _text(file.attrs.get("keras_version", ""))
    return _whole(path, config, version)


def _whole(path: Path, config: str, version: str) -> Any:
    """A file that holds a whole model.

    Args:
        config: its architecture, as JSON.
        version: of the Keras that wrote it.
    """
    _refuse_lambda(config, path)
    try:
        return _loaded(path, config, version)
    except (TypeError, ValueError) as exc:
        unknown = UNKNOWN.search(str(exc))
        if not unknown:
            raise
        raise ModelError(
            f"{path.name} has {unknown[1]!r}, which is none of Keras's own layers and functions, "
            f"and whose code is not in it; {keras2.REMEDY}"
        ) from exc


def _loaded(path: Path, config: str, version: str) -> Any:
    if keras2.wrote(version):
        keras2.judge(json.loads(config), path.name)
        import tf_keras

        return tf_keras.models.load_model(
            path, custom_objects=known_layers.classes(), compile=False, safe_mode=True
        )
    import keras  # takes long to import

    return keras.saving.load_model(path, compile=False, safe_mode=True)


def _of_architecture(described: Path, path: Path) -> Any:
    """A network by its architecture, with the weights of a file."""
    config = described.read_text()
    entries = json.loads(config)
    _refuse_lambda(config, described)
    # Keras 3 does not write its version there, but the module of each layer
    version = entries.get("keras_version", "" if "module" in entries else "2")
    if keras2.wrote(version):
        keras2.judge(entries, described.name)
        import tf_keras

        with tf_keras.utils.custom_object_scope(known_layers.classes()):
            model = tf_keras.models.model_from_json(config)
    else:
        import keras

        model = keras.models.model_from_json(config)
    model.load_weights(path)
    return model


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> str:
    _check_length(name, archive.getinfo(name).file_size, path)
    return archive.read(name).decode()


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _check_length(what: str, length: int, path: Path) -> None:
    if length > MAX_CONFIG_BYTES:
        raise ModelError(
            f"{path.name} has a {what} of {length:,} bytes; it may have {MAX_CONFIG_BYTES:,}, a "
            "hundred times as many as that of a usual network; save the model again"
        )


def _refuse_lambda(config: str, path: Path) -> None:
    if re.search(r'"(Lambda|__lambda__)"', json.dumps(json.loads(config))):  # without escapes
        raise ModelError(
            f"{path.name} has a Lambda layer, which holds code; code in an artifact is never run; "
            "replace it with a layer of Keras, or build the model in code/inference.py"
        )


def _refuse_links(file: h5py.File, path: Path) -> None:
    """A file of weights could otherwise bring in any other HDF5 file, or raw bytes of any file."""
    outside: list[str] = []

    def look(name: str, link: Any) -> None:
        if isinstance(link, h5py.ExternalLink):
            outside.append(f"{name} -> {link.filename}")
        elif isinstance(link, h5py.HardLink) and _is_stored_elsewhere(file[name]):
            outside.append(name)

    file.visititems_links(look)
    if outside:
        raise ModelError(
            f"{path.name} takes {outside[0]} from another file; an artifact is one file; "
            "save the model again"
        )


def _is_stored_elsewhere(item: Any) -> bool:
    return isinstance(item, h5py.Dataset) and bool(item.external or item.is_virtual)
