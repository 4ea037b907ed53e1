"""What a model means, as ``model.json`` beside the model says.

    {"threshold": 0.5, "classes": [{"name": "background", "color": "#000000"}, {"name": "cell"}],
     "preprocessing": [{"id": "scale_linear", "kwargs": {"gain": 2, "offset": -1}}],
     "postprocessing": [{"id": "sigmoid"}], "multilabel": false, "range": [100, 4095],
     "input": {"name": "raw", "axes": "bcyx"}, "output": "mask"}

Every entry is optional. Background, class 0, comes first. Pre- and postprocessing are in the terms
of bioimage.io; see ``preprocessing.py``. A list, an empty one too, stands for all that is done;
where there is none, the layers of the network tell (``networks/meaning.py``).
"""

import contextlib
import difflib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import depth, folders
from .bioimageio import package as bioimageio
from .bioimageio.package import AXES
from .depth import RangeRule
from .errors import ModelError, RequestError
from .preprocessing import STEPS, Preprocessing

FILE_NAME = "model.json"
MAX_BYTES = 1_000_000
MAX_ARCHITECTURE_BYTES = 16 << 20  # of Keras
ACTIVATIONS = ("sigmoid", "softmax")
KEYS = (
    "threshold",
    "classes",
    "preprocessing",
    "postprocessing",
    "multilabel",
    "input",
    "output",
    "range",
)
RULE = (
    'it is {"threshold": 0–1, "classes": [{"name": "…", "color": "#rrggbb"}, …], "preprocessing": '
    '[{"id": "…", "kwargs": {…}}, …], "postprocessing": [{"id": "…"}], "multilabel": true or '
    'false, "input": {"name": "…", "axes": "bcyx"}, "output": "…", "range": [black, white]}, '
    "background first"
)


@dataclass(frozen=True)
class Ports:
    """Which input of a model takes the image, and which output is its answer.

    Attributes:
        input: its name; None: the only one.
        axes: of the input, one of AXES; None: as its shape tells.
        output: its name, or its index from 0; None: the last one of the image's size.
    """

    input: str | None = None
    axes: str | None = None
    output: str | int | None = None


@dataclass(frozen=True)
class ModelSpec:
    """What is known of a model beside its network.

    Attributes:
        threshold: 0–1; a pixel is foreground where its probability is larger. Only of networks with
            one foreground probability per pixel, or of classes that may overlap.
        class_names: of all classes, background first; empty where the spec does not name them.
        class_colors: "#rrggbb" of each class, or empty.
        preprocessing: of intensities; None: as the network's layers tell.
        postprocessing: () or ("sigmoid",) or ("softmax",); None: as the network's layers tell.
        multilabel: whether classes may overlap, so that each has a mask of its own; None: as the
            network's layers tell.
        ports: the input and the output to take, of several.
        range: which stored values are intensities 0 and 1, unless a request says it.
    """

    threshold: float = 0.5
    class_names: tuple[str, ...] = ()
    class_colors: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    postprocessing: tuple[str, ...] | None = None
    multilabel: bool | None = None
    ports: Ports = Ports()
    range: RangeRule | None = None

    @classmethod
    def read(cls, directory: str | Path) -> "ModelSpec":
        """Read the ``model.json`` of a model directory; the defaults where there is none.

        A package of bioimage.io says the same in its ``rdf.yaml``; each entry of a ``model.json``
        beside it replaces that of the package.

        Raises:
            ModelError: it is no regular file, larger than MAX_BYTES, no JSON, or says something
                that is not known here; or the package cannot be read.
        """
        package = bioimageio.read(directory)
        content = _content(folders.root(directory) / FILE_NAME)
        if content is None:
            return cls() if package is None else cls.of(package.entries())
        spec = cls.parse(content)
        if package is None:
            return spec
        entries = json.loads(content.decode("utf-8-sig"))
        said = {key: value for key, value in entries.items() if value is not None}
        return cls.of(package.entries(said))

    @classmethod
    def parse(cls, content: bytes) -> "ModelSpec":
        """Read the bytes of a ``model.json``.

        Raises:
            ModelError: as ``read``.
        """
        try:
            entries = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_without_repeats)
        except (ValueError, RecursionError) as exc:
            raise ModelError(f"{FILE_NAME} cannot be read: {exc}; {RULE}") from exc
        return cls.of(entries)

    @classmethod
    def of(cls, entries: Any) -> "ModelSpec":
        """Read the entries of a ``model.json``.

        Raises:
            ModelError: as ``read``.
        """
        _check_keys(entries, KEYS, "it")
        names, colors = _classes(entries.get("classes", []))
        return cls(
            _threshold(entries.get("threshold", cls.threshold)),
            names,
            colors,
            _preprocessing(entries.get("preprocessing")),
            _postprocessing(entries.get("postprocessing")),
            _multilabel(entries.get("multilabel")),
            _ports(entries.get("input"), entries.get("output")),
            _range(entries.get("range")),
        )


def _content(path: Path) -> bytes | None:
    """The bytes of a ``model.json``; None where there is none, or it is an architecture of Keras,
    which people call so, too.

    Raises:
        ModelError: it is no regular file, or too large.
    """
    if not os.path.lexists(path):
        return None
    size = folders.size_of(path, RULE)
    if size <= MAX_ARCHITECTURE_BYTES:
        content = path.read_bytes()
        with contextlib.suppress(ValueError, RecursionError):
            if is_architecture(json.loads(content.decode("utf-8-sig"))):
                return None
        if len(content) <= MAX_BYTES:
            return content
    raise ModelError(f"{FILE_NAME} has {size:,} bytes; it may have {MAX_BYTES:,}; {RULE}")


def is_architecture(entries: Any) -> bool:
    """Whether what a JSON file holds is a network of Keras, of ``model.to_json()``."""
    return isinstance(entries, dict) and {"class_name", "config"} <= entries.keys()


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object as a dictionary; of two equal keys, JSON readers would drop one in silence."""
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("a key comes twice")
    return entries


def _check_keys(entries: Any, known: Iterable[str], where: str) -> None:
    if not isinstance(entries, Mapping):
        raise ModelError(f"{FILE_NAME}: {where} is {_shown(entries)}, and no object; {RULE}")
    for key in entries:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]!r}" if close else f"known are {', '.join(known)}"
            raise ModelError(f"{FILE_NAME}: {where} has the unknown key {key!r}; {hint}; {RULE}")


def _threshold(value: Any) -> float:
    value = ModelSpec.threshold if value is None else value  # as good as not set
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ModelError(f"{FILE_NAME}: threshold is {_shown(value)}; it must be 0–1; {RULE}")
    return float(value)


def _classes(entries: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names and the colours of the classes."""
    if not isinstance(entries, list):
        raise ModelError(f"{FILE_NAME}: classes is {_shown(entries)}, and no list; {RULE}")
    for number, entry in enumerate(entries):
        _check_keys(entry, ("name", "color"), f"class {number}")
        if not isinstance(entry.get("name"), str):
            raise ModelError(f"{FILE_NAME}: class {number} has no name; {RULE}")
        color = entry.get("color", "#000000")
        if not isinstance(color, str) or not re.fullmatch("#[0-9a-fA-F]{6}", color):
            raise ModelError(
                f"{FILE_NAME}: the color of class {number} is {_shown(color)}; it must be like "
                f"#ffd400; {RULE}"
            )
    colors = tuple(entry["color"] for entry in entries if "color" in entry)
    if len(colors) not in (0, len(entries)):
        raise ModelError(
            f"{FILE_NAME}: {len(colors)} of {len(entries)} classes have a color; all have one, or "
            f"none has; {RULE}"
        )
    return tuple(entry["name"] for entry in entries), colors


def _preprocessing(entries: Any) -> Preprocessing | None:
    if entries is None:
        return None
    steps = []
    for name, kwargs in _steps(entries, "preprocessing", STEPS):
        try:
            steps.append(STEPS[name](**kwargs))
        except (TypeError, ValueError) as exc:
            raise ModelError(f"{FILE_NAME}: {name} of preprocessing: {exc}; {RULE}") from exc
    return Preprocessing(tuple(steps))


def _postprocessing(entries: Any) -> tuple[str, ...] | None:
    if entries is None:
        return None
    names = []
    for name, kwargs in _steps(entries, "postprocessing", ACTIVATIONS):
        if kwargs.get("axis", "channel") not in ("channel", "c") or len(kwargs) > 1:
            raise ModelError(f"{FILE_NAME}: {name} is over the axis channel only; {RULE}")
        names.append(name)
    if len(names) > 1:
        raise ModelError(f"{FILE_NAME}: postprocessing has {len(names)} steps, not one; {RULE}")
    return tuple(names)


def _multilabel(value: Any) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise ModelError(f"{FILE_NAME}: multilabel is {_shown(value)}, not true or false; {RULE}")
    return value


def _ports(taken: Any, given: Any) -> Ports:
    taken = {} if taken is None else taken
    _check_keys(taken, ("name", "axes"), "input")
    name, axes = taken.get("name"), taken.get("axes")
    if name is not None and not isinstance(name, str):
        raise ModelError(f"{FILE_NAME}: the name of input is {_shown(name)}, and no text; {RULE}")
    if axes is not None and axes not in AXES:
        raise ModelError(
            f"{FILE_NAME}: the axes of input are {_shown(axes)}; known are {', '.join(AXES)}, as "
            f"bioimage.io writes them; {RULE}"
        )
    is_index = isinstance(given, int) and not isinstance(given, bool) and given >= 0
    if given is not None and not is_index and not isinstance(given, str):
        raise ModelError(
            f"{FILE_NAME}: output is {_shown(given)}; it is a name, or an index from 0; {RULE}"
        )
    return Ports(name, axes, given)


def _range(value: Any) -> RangeRule | None:
    try:
        return None if value is None else depth.of_entry(value)
    except RequestError as exc:
        raise ModelError(f"{FILE_NAME}: {exc}; {RULE}") from exc


def _steps(entries: Any, what: str, known: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The id and the kwargs of each entry."""
    if not isinstance(entries, list):
        raise ModelError(f"{FILE_NAME}: {what} is {_shown(entries)}, and no list; {RULE}")
    for number, entry in enumerate(entries):
        where = f"step {number} of {what}"
        _check_keys(entry, ("id", "kwargs"), where)
        name, kwargs = entry.get("id"), entry.get("kwargs", {})
        if not isinstance(name, str) or name not in known:
            raise ModelError(
                f"{FILE_NAME}: the id of {where} is {_shown(name)}; known are {', '.join(known)}; "
                f"{RULE}"
            )
        if not isinstance(kwargs, dict):
            raise ModelError(f"{FILE_NAME}: the kwargs of {where} are no object; {RULE}")
        yield name, kwargs


def _shown(value: Any) -> str:
    """A value as JSON, short enough for a message."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:80]}…"
