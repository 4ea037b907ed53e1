"""What is found in a model directory, for people: in words, as a model.json, and in a picture."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from segmentation import artifacts
from segmentation.answers import Overlay, Probability, class_colors
from segmentation.images import Images
from segmentation.networks import meaning
from segmentation.networks.meaning import Meaning
from segmentation.networks.network import Source
from segmentation.networks.trained import Unsettled
from segmentation.networks.tune import Computing
from segmentation.preprocessing import Preprocessing
from segmentation.running.predict import predict
from segmentation.running.segmenter import Segmenter, make
from segmentation.spec import ModelSpec

NAMES = {"b": "N", "y": "H", "x": "W", "c": "C", "p": "H·W"}  # of axes; those of classes are K
GAP = 8  # pixels between two pictures


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Attributes:
        path: of the artifact.
        source: what it holds.
        meaning: of its numbers, as its spec or its layers tell.
        segmenter: what serves it.
    """

    path: Path
    source: Source
    meaning: Meaning
    segmenter: Segmenter

    def lines(self) -> list[tuple[str, str]]:
        """What to tell of it, each with what it is about."""
        engine = "a graph of OpenVINO"
        if self.source.unconverted:
            engine = f"TensorFlow, since {self.source.unconverted}"
        pairs = [
            ("found", f"{self.path.name}, {_size(self.path) / 1e6:,.1f} MB"),
            ("takes", self._takes()),
            ("gives", self._gives()),
            ("looks", self._looks()),
            ("runs as", engine),
        ]
        preprocessing = self.meaning.preprocessing
        if isinstance(preprocessing, Unsettled):
            pairs.append(("refused", preprocessing.reason))
        assumed = (*self.source.assumed, *self.meaning.assumed)
        pairs += [("assumed", sentence) for sentence in assumed]
        return pairs if assumed else [*pairs, ("assumed", "nothing")]

    def _takes(self) -> str:
        source, form = self.source, self.source.form
        assert form, "artifacts have one"
        sizes = f"any size that is a multiple of {source.geometry.stride}"
        if source.height or source.width:
            sizes = f"{source.height or 'any'}×{source.width or 'any'} pixels"
        batch = f", {source.batch} at once" if source.batch else ""
        kind = f"{source.channels} channel{'s' * (source.channels > 1)}"
        return f"({_axes(form.taken)}), {kind}, {sizes}{batch}; images of any size are tiled"

    def _gives(self) -> str:
        source, form = self.source, self.source.form
        assert form, "artifacts have one"
        if self.meaning.labels is not None:
            what = f"the index of one of {self.meaning.labels} classes"
        elif source.classes == 1:
            what = "one foreground probability"
        else:
            kind = "overlapping classes" if self.meaning.multilabel else "classes"
            what = f"the probabilities of {source.classes} {kind}"
        after = f", by {self.meaning.activation} of its logits" if self.meaning.activation else ""
        several = f", output {form.output} of {form.outputs}" if form.outputs > 1 else ""
        axes = _axes(form.given).replace("C", "K")
        return f"({axes}){several}: {what}{after}"

    def _looks(self) -> str:
        geometry = self.source.geometry
        if geometry.everywhere:
            return "at the whole image"
        reach = "an unknown number of" if geometry.reach is None else geometry.reach
        return f"{reach} pixels far"

    def model_json(self) -> dict[str, Any]:
        """The ``model.json`` that says what was told or assumed."""
        spec, form = self.segmenter.spec, self.source.form
        assert form, "artifacts have one"
        entries: dict[str, Any] = {}
        if (self.source.classes == 1 or self.meaning.multilabel) and self.meaning.labels is None:
            entries["threshold"] = spec.threshold
        if spec.class_names:
            entries["classes"] = _classes(spec)
        if not isinstance(self.meaning.preprocessing, Unsettled):
            entries["preprocessing"] = steps(self.meaning.preprocessing)
        chosen = self.meaning.activation
        entries["postprocessing"] = [{"id": chosen}] if chosen else []
        if self.source.classes > 1:
            entries["multilabel"] = self.meaning.multilabel
        entries["input"] = {"axes": form.taken}
        if form.outputs > 1:
            entries["output"] = form.output
        return entries

    def picture(self, images: Images) -> np.ndarray:
        """The first image, its probabilities, and its overlay, beside each other.

        Returns:
            uint8 (H, 3 W + gaps, 3).
        """
        spec, classes = self.segmenter.spec, self.segmenter.network.classes
        images = images.for_channels(self.segmenter.network.channels)
        overlay = predict(self.segmenter, images, Overlay.wanted(None, spec, classes))
        shown = predict(self.segmenter, images, Probability.wanted(None, spec, classes)).values[0]
        plain = Overlay().planes(np.zeros(images.batch.shape[:3], np.uint8), images)[0]
        gap = np.full((plain.shape[0], GAP, 3), 255, np.uint8)
        answer = overlay.answer
        drawn = _drawn(shown, overlapping=answer.multilabel, colors=answer.colors)
        return np.concatenate([plain, gap, drawn, gap, overlay.planes[0]], axis=1)


def inspect(
    model_dir: Path, filename: str | None = None, computing: Computing | None = None
) -> Inspection:
    """Load a model directory, as the server does.

    Args:
        filename, computing: as of ``segmenter.load``.

    Raises:
        ModelError: it cannot be served.
    """
    path = artifacts.find(model_dir, filename)
    source = artifacts.load(model_dir, filename)
    spec = ModelSpec.read(model_dir)
    return Inspection(path, source, meaning.of(source, spec), make(source, spec, computing))


def steps(preprocessing: Preprocessing) -> list[dict[str, Any]]:
    """Preprocessing as ``model.json`` has it."""
    return [
        {"id": step.id, "kwargs": {name: _plain(value) for name, value in asdict(step).items()}}
        if fields(step)
        else {"id": step.id}
        for step in preprocessing.steps
    ]


def _plain(value: Any) -> Any:
    return np.asarray(value).tolist() if isinstance(value, (tuple, np.ndarray)) else value


def _classes(spec: ModelSpec) -> list[dict[str, str]]:
    colors = [{"color": color} for color in spec.class_colors] or [{}] * len(spec.class_names)
    return [{"name": name} | color for name, color in zip(spec.class_names, colors, strict=True)]


def _drawn(values: np.ndarray, overlapping: bool, colors: Any) -> np.ndarray:
    """(H, W, K) probabilities -> uint8 (H, W, 3): gray, or the colours of classes, mixed."""
    if values.shape[-1] == 1:
        return np.rint(values * 255).astype(np.uint8).repeat(3, axis=-1)
    first = 1 if overlapping else 0
    palette = class_colors(np.arange(first, values.shape[-1] + first), colors)
    return np.clip(values @ palette.astype(np.float32), 0, 255).astype(np.uint8)


def _axes(axes: str) -> str:
    return ", ".join(NAMES[axis] for axis in axes)


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
