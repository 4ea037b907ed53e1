"""The tensors of a bioimage.io model, the same for format 0.4 and 0.5.

0.4: https://github.com/bioimage-io/spec-bioimage-io/blob/main/src/bioimageio/spec/model/v0_4.py
0.5: https://github.com/bioimage-io/spec-bioimage-io/blob/main/src/bioimageio/spec/model/v0_5.py
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ModelError
from .document import is_number, numbers, shown

BATCH, CHANNEL = "b", "c"
IMAGE = "yx"  # every image has these axes
LETTERS = {"batch": BATCH, "channel": CHANNEL, "time": "t", "index": "i"}  # by type, of 0.5
LARGEST = 2.0**32  # of a declared range that tells anything


@dataclass(frozen=True)
class File:
    """A file of the package.

    Attributes:
        source: its path in the package, or an address.
        sha256: of its content, in hexadecimal, or "".
    """

    source: str
    sha256: str = ""


@dataclass(frozen=True)
class Operation:
    """One step of pre- or postprocessing, as it is described.

    Attributes:
        id: its name.
        kwargs: of it; ``axes`` and ``axis`` in letters, "bcyx".
        place: where it stands, for messages.
    """

    id: str
    kwargs: Mapping[str, Any]
    place: str


@dataclass(frozen=True)
class Tensor:
    """An input or an output.

    Attributes:
        name: of it.
        axes: a letter each: "b", "c", "y", "x", "z", "t", "i"; "?" where it is another one.
        data_type: "float32", "uint8", …
        range: least and largest value, where it is declared and finite.
        operations: its pre- or postprocessing.
        channel_names: of 0.5, or empty.
        channels: how many there are, or at least; 1 where the description does not tell.
        test: its test tensor, or None.
        optional: whether a model does without it.
        is_old: whether it is of format 0.4.
        described: as the description has it.
    """

    name: str
    axes: str
    data_type: str
    range: tuple[float, float] | None
    operations: tuple[Operation, ...]
    channel_names: tuple[str, ...] = ()
    channels: int = 1
    test: File | None = None
    optional: bool = False
    is_old: bool = False
    described: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_image(self) -> bool:
        """Whether its axes are those of images: height, width, and at most channels and batch."""
        return set(IMAGE) <= set(self.axes) <= {*IMAGE, BATCH, CHANNEL}

    @property
    def is_float(self) -> bool:
        return self.data_type.startswith("float")


def read(entries: Mapping[str, Any], ends: str, is_old: bool) -> list[Tensor]:
    """The inputs or the outputs of a description.

    Args:
        entries: of the whole description.
        ends: "inputs" or "outputs".
        is_old: whether it is of format 0.4.

    Raises:
        ModelError: they are malformed.
    """
    described = entries.get(ends)
    if not isinstance(described, list) or not described:
        raise ModelError(f"{ends} is {shown(described)}; it is a list of tensors")
    tests = entries.get(f"test_{ends}") or [] if is_old else []
    tensors = []
    for number, entry in enumerate(described):
        place = f"{ends}[{number}]"
        if not isinstance(entry, Mapping):
            raise ModelError(f"{place} is {shown(entry)}, and no mapping")
        if is_old:
            test = tests[number] if isinstance(tests, list) and number < len(tests) else None
            tensors.append(_old(entry, place, ends, test))
        else:
            tensors.append(_new(entry, place, ends))
    return tensors


def _old(entry: Mapping[str, Any], place: str, ends: str, test: Any) -> Tensor:
    axes = entry.get("axes")
    if not isinstance(axes, str) or not axes or set(axes) - set("bitczyx"):
        raise ModelError(f'{place}.axes is {shown(axes)}; format 0.4 writes them as "bcyx"')
    return Tensor(
        _text(entry, "name", place),
        axes,
        _text(entry, "data_type", place),
        _range(entry.get("data_range")),
        tuple(_operations(entry, place, ends, "name", {letter: letter for letter in axes})),
        channels=_old_channels(entry.get("shape"), axes, place),
        test=file_of(test, f"test_{ends}"),
        is_old=True,
        described=entry,
    )


def _old_channels(shape: Any, axes: str, place: str) -> int:
    """How many channels a shape tells of."""
    index = axes.find(CHANNEL)
    if isinstance(shape, Mapping) and "scale" in shape:
        scales, offsets = shape.get("scale"), numbers(shape.get("offset"), len(axes))
        if index < 0 or not isinstance(scales, list) or len(scales) != len(axes) or not offsets:
            return 1
        # it depends on that of another tensor, but for a new axis
        return 1 if scales[index] else int(2 * offsets[index])
    least = numbers(shape.get("min") if isinstance(shape, Mapping) else shape, len(axes))
    if least is None:
        raise ModelError(f"{place}.shape is {shown(shape)}; it has a length for each of {axes!r}")
    return int(least[index]) if index >= 0 else 1


def _new(entry: Mapping[str, Any], place: str, ends: str) -> Tensor:
    axes = entry.get("axes")
    if not isinstance(axes, list) or not all(isinstance(axis, Mapping) for axis in axes):
        raise ModelError(
            f"{place}.axes is {shown(axes)}; format 0.5 has a list of mappings, one for each axis"
        )
    letters = [_letter(axis, place) for axis in axes]
    ids = {_id(axis): letter for axis, letter in zip(axes, letters, strict=True)}
    data = entry.get("data", {})
    parts = data if isinstance(data, list) else [data]
    if not parts or not all(isinstance(part, Mapping) for part in parts):
        raise ModelError(f"{place}.data is {shown(data)}, and no mapping")
    default = "uint8" if "values" in parts[0] else "float32"
    ranges = {_range(part.get("range")) for part in parts}
    names = [axis.get("channel_names") for axis in axes if axis.get("type") == "channel"]
    channels = tuple(_names(names[0])) if names else ()
    return Tensor(
        _text(entry, "id", place, "input" if ends == "inputs" else "output"),
        "".join(letters),
        _text(parts[0], "type", f"{place}.data", default),
        ranges.pop() if len(ranges) == 1 else None,
        tuple(_operations(entry, place, ends, "id", ids)),
        channels,
        len(channels) or 1,
        file_of(entry.get("test_tensor"), f"{place}.test_tensor"),
        entry.get("optional") is True,
        described=entry,
    )


def _letter(axis: Mapping[str, Any], place: str) -> str:
    kind = axis.get("type")
    if kind == "space":
        name = _id(axis)
        return name if name in ("x", "y", "z") else "?"
    if not isinstance(kind, str) or kind not in LETTERS:
        raise ModelError(
            f"{place}: an axis has the type {shown(kind)}; known are space, {', '.join(LETTERS)}"
        )
    return LETTERS[kind]


def _id(axis: Mapping[str, Any]) -> str:
    default = "x" if axis.get("type") == "space" else axis.get("type")
    return _text(axis, "id", "an axis", default if isinstance(default, str) else None)


def _names(channels: Any) -> Iterator[str]:
    if not isinstance(channels, list) or not all(isinstance(name, str) for name in channels):
        raise ModelError(f"channel_names is {shown(channels)}; it is a list of texts")
    yield from channels


def _operations(
    entry: Mapping[str, Any], place: str, ends: str, key: str, ids: Mapping[str, str]
) -> Iterator[Operation]:
    """Steps of a tensor.

    Args:
        key: of their name.
        ids: the letter of each of its axes, by its name.
    """
    what = "preprocessing" if ends == "inputs" else "postprocessing"
    steps = entry.get(what) or []
    if not isinstance(steps, list):
        raise ModelError(f"{place}.{what} is {shown(steps)}, and no list")
    for number, step in enumerate(steps):
        where = f"{place}.{what}[{number}]"
        name = step.get(key) if isinstance(step, Mapping) else None
        kwargs = step.get("kwargs") or {} if isinstance(step, Mapping) else None
        if not isinstance(name, str) or not isinstance(kwargs, Mapping):
            raise ModelError(f"{where} is {shown(step)}; it has {key!r}, and kwargs, a mapping")
        yield Operation(name, {**kwargs, **_axes_in(kwargs, ids, where)}, f"{where} ({name})")


def _axes_in(kwargs: Mapping[str, Any], ids: Mapping[str, str], where: str) -> dict[str, str]:
    """What of the arguments names axes, in letters."""
    found = {}
    for key in ("axes", "axis"):
        value = kwargs.get(key)
        if value is None:
            continue
        names = list(value) if key == "axes" and isinstance(value, (str, list)) else [value]
        letters = [ids.get(name, "") if isinstance(name, str) else "" for name in names]
        if not all(letters):
            raise ModelError(f"{where}: {key} is {shown(value)}; the tensor has {', '.join(ids)}")
        found[key] = "".join(letters)
    return found


def _range(value: Any) -> tuple[float, float] | None:
    """A declared range, if it tells what is black and what is white."""
    if not isinstance(value, list) or len(value) != 2 or not all(map(is_number, value)):
        return None
    low, high = map(float, value)
    return (low, high) if -LARGEST < low < high < LARGEST else None


def _text(entry: Mapping[str, Any], key: str, place: str, default: str | None = None) -> str:
    value = entry.get(key, default)
    if not isinstance(value, str):
        raise ModelError(f"{place}.{key} is {shown(value)}, and no text")
    return value


def file_of(value: Any, place: str) -> File | None:
    """A file that is named by its path, or by a mapping of its source and its sha256.

    Raises:
        ModelError: it is malformed.
    """
    if value is None:
        return None
    told = value if isinstance(value, Mapping) else {"source": value}
    source, digest = told.get("source"), told.get("sha256") or ""
    if not isinstance(source, str) or not source:
        raise ModelError(f"{place} is {shown(value)}; it names a file: source, sha256")
    if digest and not (isinstance(digest, str) and len(digest) == 64):
        raise ModelError(f"{place}.sha256 is {shown(digest)}; it has 64 hexadecimal digits")
    return File(source, digest.lower())
