"""The entries of a ``model.json``: each is read, or refused with what it may be.

Every function takes what JSON has there, None where there is nothing, and raises ModelError.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from . import depth
from .bioimageio.package import AXES
from .depth import RangeRule
from .errors import ModelError, RequestError
from .preprocessing import STEPS, Preprocessing

FILE_NAME = "model.json"
KEYS = (
    "threshold",
    "classes",
    "preprocessing",
    "postprocessing",
    "multilabel",
    "input",
    "output",
    "range",
    "tiles",
)
ACTIVATIONS = ("sigmoid", "softmax")
THRESHOLD = 0.5
LONGEST = 4096  # pixels of a side that is told
RULE = (
    'it is {"threshold": 0–1, "classes": [{"name": "…", "color": "#rrggbb"}, …], "preprocessing": '
    '[{"id": "…", "kwargs": {…}}, …], "postprocessing": [{"id": "…"}], "multilabel": true or '
    'false, "input": {"name": "…", "axes": "bcyx"}, "output": "…", "range": [black, white], '
    '"tiles": {"min": …, "step": …, "halo": …}}, background first'
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
class Sizes:
    """Which sizes of images a model may be given, and what of an answer counts, in pixels.

    Attributes:
        least: the smallest length of a side; 0: as its network takes.
        step: other lengths are so much longer, or a multiple of that; 0: there is no other length;
            None: as its network takes.
        halo: how far from the edge of a tile its answer is not to be used, where another tile goes
            on.
    """

    least: int = 0
    step: int | None = None
    halo: int = 0


def check_keys(entries: Any, known: Iterable[str], where: str) -> None:
    if not isinstance(entries, Mapping):
        raise ModelError(f"{FILE_NAME}: {where} is {_shown(entries)}, and no object; {RULE}")
    for key in entries:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]!r}" if close else f"known are {', '.join(known)}"
            raise ModelError(f"{FILE_NAME}: {where} has the unknown key {key!r}; {hint}; {RULE}")


def threshold(value: Any) -> float:
    value = THRESHOLD if value is None else value  # as good as not set
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ModelError(f"{FILE_NAME}: threshold is {_shown(value)}; it must be 0–1; {RULE}")
    return float(value)


def classes(entries: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names and the colours of the classes."""
    if not isinstance(entries, list):
        raise ModelError(f"{FILE_NAME}: classes is {_shown(entries)}, and no list; {RULE}")
    for number, entry in enumerate(entries):
        check_keys(entry, ("name", "color"), f"class {number}")
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


def preprocessing(entries: Any) -> Preprocessing | None:
    if entries is None:
        return None
    steps = []
    for name, kwargs in _steps(entries, "preprocessing", STEPS):
        known = fields(STEPS[name])
        check_keys(kwargs, [entry.name for entry in known], f"{name} of preprocessing")
        missing = [entry.name for entry in known if entry.default is MISSING]
        if not kwargs.keys() >= set(missing):
            raise ModelError(f"{FILE_NAME}: {name} of preprocessing needs {missing}; {RULE}")
        try:
            steps.append(STEPS[name](**kwargs))
        except (TypeError, ValueError) as exc:
            raise ModelError(f"{FILE_NAME}: {name} of preprocessing: {exc}; {RULE}") from exc
    return Preprocessing(tuple(steps))


def postprocessing(entries: Any) -> tuple[str, ...] | None:
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


def multilabel(value: Any) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise ModelError(f"{FILE_NAME}: multilabel is {_shown(value)}, not true or false; {RULE}")
    return value


def ports(taken: Any, given: Any) -> Ports:
    taken = {} if taken is None else taken
    check_keys(taken, ("name", "axes"), "input")
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


def range_rule(value: Any) -> RangeRule | None:
    try:
        return None if value is None else depth.of_entry(value)
    except RequestError as exc:
        raise ModelError(f"{FILE_NAME}: {exc}; {RULE}") from exc


def sizes(value: Any) -> Sizes:
    """Of ``tiles``."""
    told = {} if value is None else value
    check_keys(told, ("min", "step", "halo"), "tiles")
    for key, length in told.items():
        if not isinstance(length, int) or isinstance(length, bool) or not 0 <= length <= LONGEST:
            raise ModelError(
                f"{FILE_NAME}: {key} of tiles is {_shown(length)}; it is 0 to {LONGEST:,} pixels; "
                f"{RULE}"
            )
    return Sizes(told.get("min", 0), told.get("step"), told.get("halo", 0))


def _steps(entries: Any, what: str, known: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The id and the kwargs of each entry."""
    if not isinstance(entries, list):
        raise ModelError(f"{FILE_NAME}: {what} is {_shown(entries)}, and no list; {RULE}")
    for number, entry in enumerate(entries):
        where = f"step {number} of {what}"
        check_keys(entry, ("id", "kwargs"), where)
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
