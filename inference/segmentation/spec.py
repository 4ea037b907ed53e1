"""What a model means, as ``model.json`` beside the model says.

    {"threshold": 0.5, "classes": [{"name": "background", "color": "#000000"}, {"name": "cell"}],
     "preprocessing": [{"id": "scale_linear", "kwargs": {"gain": 2, "offset": -1}}],
     "postprocessing": [{"id": "sigmoid"}], "multilabel": false, "range": [100, 4095],
     "tiles": {"min": 64, "step": 16, "halo": 32}, "input": {"name": "raw", "axes": "bcyx"},
     "output": "mask"}

Every entry is optional. Background, class 0, comes first. Pre- and postprocessing are in the terms
of bioimage.io; see ``preprocessing.py``. A list, an empty one too, stands for all that is done;
where there is none, the layers of the network tell (``networks/meaning.py``).
"""

import contextlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import folders
from . import spec_entries as entries_of
from .bioimageio import package as bioimageio
from .depth import RangeRule
from .errors import ModelError
from .preprocessing import Preprocessing
from .spec_entries import FILE_NAME, RULE, THRESHOLD, Ports, Sizes

MAX_BYTES = 1_000_000
MAX_ARCHITECTURE_BYTES = 16 << 20  # of Keras


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
        sizes: which images the network may be given.
    """

    threshold: float = THRESHOLD
    class_names: tuple[str, ...] = ()
    class_colors: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    postprocessing: tuple[str, ...] | None = None
    multilabel: bool | None = None
    ports: Ports = field(default_factory=Ports)
    range: RangeRule | None = None
    sizes: Sizes = field(default_factory=Sizes)

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
        entries_of.check_keys(entries, entries_of.KEYS, "it")
        names, colors = entries_of.classes(entries.get("classes", []))
        return cls(
            entries_of.threshold(entries.get("threshold")),
            names,
            colors,
            entries_of.preprocessing(entries.get("preprocessing")),
            entries_of.postprocessing(entries.get("postprocessing")),
            entries_of.multilabel(entries.get("multilabel")),
            entries_of.ports(entries.get("input"), entries.get("output")),
            entries_of.range_rule(entries.get("range")),
            entries_of.sizes(entries.get("tiles")),
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
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} comes twice in one object; leave one of them out")
    return dict(pairs)
