"""Artifacts written by hand: those that want more than to be read, and ONNX, whose library is no
dependency here.
"""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np

# --- ONNX: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto names these fields and types

FLOAT, INT64, BOOL = 1, 7, 9
INTEGER, STRING, GRAPH = 2, 3, 5  # types of attributes
OPSET, OPSET_OF_WRAPPING = 13, 19


def onnx(
    path: Path, kernel: np.ndarray, channels_first: bool, location: str = "", opset: int = OPSET
) -> None:
    """Write a model that multiplies the channels of each pixel with a matrix.

    Args:
        kernel: float32 (C, K).
        location: of the file that holds the kernel's values; empty: the model itself.
        opset: the version of the operations.
    """
    channels, classes = kernel.shape
    if channels_first:
        node = _node("Conv", ["images", "kernel"], "values")
        values, first, last = kernel.T[:, :, None, None], ["n", channels], ["h", "w"]
        given = ["n", classes, "h", "w"]
    else:
        node = _node("MatMul", ["images", "kernel"], "values")
        values, first, last = kernel, ["n", "h"], ["w", channels]
        given = ["n", "h", "w", classes]
    graph = [
        (1, node),
        (5, _tensor("kernel", values, location)),
        (11, _value("images", FLOAT, [*first, *last])),
        (12, _value("values", FLOAT, given)),
    ]
    path.write_bytes(_onnx_model(graph, opset))


def onnx_of_an_operation(path: Path, kind: str) -> None:
    """Of images alone, of any size."""
    _write_onnx_of(path, (1, _node(kind, ["images"], "values")))


def onnx_that_wraps(path: Path) -> None:
    """It pads images with what they have at the other side, by a pixel: two pixels higher."""
    pads = np.array([0, 1, 0, 0, 0, 1, 0, 0], np.int64)
    node = _node("Pad", ["images", "pads"], "values", [(1, "mode"), (4, "wrap"), (20, STRING)])
    _write_onnx_of(path, (1, node), (5, _tensor("pads", pads)))


def onnx_of_large_images(path: Path) -> None:
    """It adds row 300 of an image to all of its rows, and says that images may have any size."""
    row = _node("Gather", ["images", "300"], "row", [(1, "axis"), (3, 1), (20, INTEGER)])
    added = _node("Add", ["images", "row"], "values")
    _write_onnx_of(path, (1, row), (1, added), (5, _tensor("300", np.array([300]))))


def _write_onnx_of(path: Path, *fields: "tuple[int, Message]") -> None:
    shape = ["n", "h", "w", 1]
    values = [(11, _value("images", FLOAT, shape)), (12, _value("values", FLOAT, shape))]
    path.write_bytes(_onnx_model([*fields, *values], OPSET_OF_WRAPPING))


def onnx_without_end(path: Path) -> None:
    """A loop of 2⁶² rounds, whose length no optimiser can shorten."""
    shape = ["n", "h", "w", 1]
    body = [
        (1, _node("Identity", ["goes on"], "goes on still")),
        (1, _node("Sin", ["before"], "after")),
        (2, "body"),
        (11, _value("round", INT64, [])),
        (11, _value("goes on", BOOL, [])),
        (11, _value("before", FLOAT, shape)),
        (12, _value("goes on still", BOOL, [])),
        (12, _value("after", FLOAT, shape)),
    ]
    loop = _node(
        "Loop", ["rounds", "true", "images"], "values", [(1, "body"), (6, body), (20, GRAPH)]
    )
    graph = [
        (1, loop),
        (5, _tensor("rounds", np.int64(2**62))),
        (5, _tensor("true", np.bool_(True))),
        (11, _value("images", FLOAT, shape)),
        (12, _value("values", FLOAT, shape)),
    ]
    path.write_bytes(_onnx_model(graph))


Message = list[tuple[int, "int | str | bytes | Message"]]  # numbers and values of its fields


def _onnx_model(graph: Message, opset: int = OPSET) -> bytes:
    return _encoded([(1, 8), (7, [(2, "graph"), *graph]), (8, [(1, ""), (2, opset)])])


def _node(kind: str, inputs: list[str], output: str, attribute: Message | None = None) -> Message:
    fields: Message = [*((1, name) for name in inputs), (2, output), (4, kind)]
    return [*fields, (5, attribute)] if attribute else fields


def _value(name: str, kind: int, shape: list[int | str]) -> Message:
    dimensions = [(1, [(1 if isinstance(length, int) else 2, length)]) for length in shape]
    return [(1, name), (2, [(1, [(1, kind), (2, dimensions)])])]


def _tensor(name: str, values: np.ndarray | np.generic, location: str = "") -> Message:
    kind = {"f": FLOAT, "i": INT64, "b": BOOL}[values.dtype.kind]
    fields: Message = [*((1, length) for length in values.shape), (2, kind), (8, name)]
    if location:
        return [*fields, (13, [(1, "location"), (2, location)]), (14, 1)]
    return [*fields, (9, values.tobytes())]


def _encoded(message: Message) -> bytes:
    """https://protobuf.dev/programming-guides/encoding/"""
    return b"".join(_field(number, value) for number, value in message)


def _field(number: int, value: "int | str | bytes | Message") -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    if isinstance(value, list):
        value = _encoded(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    groups = []
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])


# --- Keras: memory


def of_long_configuration(path: Path) -> None:
    """300 kB that unpack to 300 MB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        with archive.open("config.json", "w") as config:
            for _ in range(300):
                config.write(b" " * 2**20)


def of_many_filters(path: Path) -> None:
    def edit(config: str) -> str:
        known = json.loads(config)
        known["config"]["layers"][1]["config"]["filters"] = 2_000_000_000
        return json.dumps(known)

    with_configuration(path, convolution(), edit)


def of_unwritten_weights(path: Path) -> None:
    """A kernel of 4 GB in 4 kB: nothing of it is stored, and HDF5 fills it with zeros."""
    with h5py.File(path, "w") as file:
        file.create_dataset("layers/conv2d/vars/0", (3, 3, 1, 10**9 // 9), chunks=(3, 3, 1, 1024))


# --- Keras: code and other files


def with_configuration(path: Path, model: keras.Model, edit: Callable[[str], str]) -> None:
    """Save a model with another configuration."""
    model.save(path)
    if path.suffix == ".keras":
        replace_in_zip(path, "config.json", lambda config: edit(config.decode()).encode())
    else:
        with h5py.File(path, "a") as file:
            file.attrs["model_config"] = edit(file.attrs["model_config"])


def replace_in_zip(path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    with zipfile.ZipFile(path) as archive:
        content = {item: archive.read(item) for item in archive.namelist()}
    content[name] = change(content[name])
    with zipfile.ZipFile(path, "w") as archive:
        for item, written in content.items():
            archive.writestr(item, written)


def convolution() -> keras.Model:
    image = keras.Input((None, None, 1))
    return keras.Model(image, keras.layers.Conv2D(1, 1, name="convolution")(image))


def lambda_model() -> keras.Model:
    image = keras.Input((None, None, 1))
    return keras.Model(image, keras.layers.Lambda(lambda x: x * 1)(image))


def external_link(file: h5py.File, name: str, other: Path) -> None:
    """The whole group, which is of that name in the other file, too."""
    group = name.split("/")[0]
    file.pop(group, None)
    file[group] = h5py.ExternalLink(other, group)


def external_data(file: h5py.File, name: str, other: Path) -> None:
    file.pop(name, None)
    file.create_dataset(name, (1, 1, 1, 1), "f4", external=[(str(other), 0, 4)])


def virtual_data(file: h5py.File, name: str, other: Path) -> None:
    file.pop(name, None)
    layout = h5py.VirtualLayout((1, 1, 1, 1), "f4")
    layout[...] = h5py.VirtualSource(other, name, (1, 1, 1, 1))
    file.create_virtual_dataset(name, layout)
