"""The description of a bioimage.io package, ``rdf.yaml``, as plain values.

YAML is read by its core schema (https://yaml.org/spec/1.2.2/#103-core-schema), without tags, merge
keys or repeated keys: no object is made, and nothing grows larger than the file.
"""

import functools
import math
import os
import re
import reprlib
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Any, ClassVar

import yaml

from .. import folders
from ..errors import ModelError

FILE_NAMES = ("rdf.yaml", "bioimageio.yaml")
MAX_BYTES = 256 << 10  # a hundred times what most have
MAX_DEPTH = 100  # of lists and mappings in each other; libyaml's binding would exhaust the stack
RULE = (
    "it is the description of a model of bioimage.io, format_version 0.4 or 0.5; save it again "
    "with bioimageio.spec"
)
_SHORT = reprlib.Repr()
_SHORT.maxlevel = 3
_PREFIX = "tag:yaml.org,2002:"


def find(directory: Path) -> Path | None:
    """The description in a folder; None: there is none.

    Raises:
        ModelError: there are two.
    """
    found = [directory / name for name in FILE_NAMES if os.path.lexists(directory / name)]
    if len(found) > 1:
        raise ModelError(
            f"{directory} holds {' and '.join(FILE_NAMES)}; a package has one description; remove "
            "the other one"
        )
    return found[0] if found else None


def read(path: Path) -> dict[str, Any]:
    """Read a description.

    Raises:
        ModelError: it is no regular file, larger than MAX_BYTES, no YAML, or no mapping.
    """
    size = folders.size_of(path, RULE)
    if size > MAX_BYTES:
        raise ModelError(f"{path.name} has {size:,} bytes; it may have {MAX_BYTES:,}; {RULE}")
    return parse(path.read_bytes(), path.name)


@functools.lru_cache(maxsize=1)  # a model is loaded in several steps, each of which reads it
def parse(content: bytes, name: str = FILE_NAMES[0]) -> dict[str, Any]:
    """Read the bytes of a description.

    The same bytes give the same dictionary, which nobody changes.

    Args:
        name: of the file, for messages.

    Raises:
        ModelError: as ``read``.
    """
    try:
        entries = yaml.load(content.decode("utf-8-sig"), _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        reason = " ".join(str(exc).split())[:300]
        raise ModelError(f"{name} cannot be read: {reason}; {RULE}") from exc
    if not isinstance(entries, dict):
        raise ModelError(f"{name} is {shown(entries)}, and no mapping; {RULE}")
    return entries


def shown(value: Any) -> str:
    """A value, short enough for a message, however deep or often repeated its parts are."""
    text = _SHORT.repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def numbers(value: Any, length: int | None = None) -> list[float] | None:
    """A list of finite numbers, of a length if that is given; None where it is none."""
    if not isinstance(value, list) or length not in (None, len(value)):
        return None
    return value if all(is_number(entry) for entry in value) else None


def is_number(value: Any) -> bool:
    """Whether it is a finite number."""
    is_real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_real and abs(value) < 1e300 and math.isfinite(value)


# of libyaml, where PyYAML has it: several times as fast
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):
    """The core schema, and nothing else."""

    yaml_implicit_resolvers: ClassVar[dict] = {}
    yaml_constructors: ClassVar[dict] = {}
    depth = 0

    def descend_resolver(self, *_: Any) -> None:
        """A value begins, inside of those that have begun."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.YAMLError(f"more than {MAX_DEPTH} lists and mappings are in each other")

    def ascend_resolver(self) -> None:
        self.depth -= 1

    def flatten_mapping(self, node: Any) -> None:
        """Merge keys are no part of YAML 1.2, and let a file of few bytes become any size."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict:
        pairs = [(self.construct_object(k, deep=True), v) for k, v in node.value]
        entries = {}
        for key, value in pairs:
            if not isinstance(key, Hashable) or key in entries:
                raise yaml.YAMLError(f"the key {shown(key)} comes twice, or can be none")
            entries[key] = self.construct_object(value, deep=deep)
        return entries


def _scalar(value_of: Callable[[str], Any]) -> Callable[[Any, Any], Any]:
    return lambda loader, node: value_of(loader.construct_scalar(node))


def _whole_number(text: str) -> int:
    bases = {"0x": 16, "0o": 8}
    return int(text, bases.get(text[:2], 10))


def _real_number(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _resolve(tag: str, pattern: str, first: Iterable[str], construct: Any) -> None:
    _Loader.add_implicit_resolver(_PREFIX + tag, re.compile(pattern), list(first))
    _Loader.add_constructor(_PREFIX + tag, construct)


_resolve("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""], lambda *_: None)
_resolve(
    "bool",
    r"^(?:true|True|TRUE|false|False|FALSE)$",
    "tTfF",
    _scalar(lambda text: text.lower() == "true"),
)
_resolve(
    "int",
    r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$",
    "-+0123456789",
    _scalar(_whole_number),
)
_resolve(
    "float",
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
    "-+0123456789.",
    _scalar(_real_number),
)
_Loader.add_constructor(_PREFIX + "str", yaml.SafeLoader.construct_yaml_str)
_Loader.add_constructor(_PREFIX + "seq", yaml.SafeLoader.construct_yaml_seq)
_Loader.add_constructor(_PREFIX + "map", yaml.SafeLoader.construct_yaml_map)
_Loader.add_constructor(None, yaml.SafeLoader.construct_undefined)
