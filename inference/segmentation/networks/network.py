"""What a network is, before and after an engine has made it ready to run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..errors import ModelError

RULE = "a model has one input (N, H, W, C) and one output (N, H, W, K) of its height and width"


@dataclass(frozen=True)
class Geometry:
    """What a network needs of the size of its input, and how far it looks.

    Attributes:
        stride: height and width must be multiples of it.
        reach: the largest distance in pixels, along an axis, from an output pixel to an input pixel
            that it depends on; None where the layers do not tell. Tiles that overlap by twice this
            give what the whole image would.
    """

    stride: int
    reach: int | None = None


class Network(Protocol):
    """A network that is ready to run. It is a value: nothing about it changes any more.

    Attributes:
        name: of its artifact.
        channels: C of its input.
        height, width: of its input; None where the size is free.
        classes: 1 for one foreground probability per pixel, K > 1 for one probability per class.
        batch: how many images it takes at once; None: any number. ``run`` takes any number.
        geometry: its stride and reach.
    """

    @property
    def name(self) -> str: ...
    @property
    def channels(self) -> int: ...
    @property
    def height(self) -> int | None: ...
    @property
    def width(self) -> int | None: ...
    @property
    def classes(self) -> int: ...
    @property
    def batch(self) -> int | None: ...
    @property
    def geometry(self) -> Geometry: ...

    def run(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, h, w, C) intensities -> float32 (N, h, w, K) probabilities, 0–1.

        Raises:
            MemoryError: there is not enough memory.
        """


@dataclass(frozen=True)
class Source:
    """What an artifact holds, before an engine has made a network of it.

    Attributes:
        function: a Keras model, or what is called like one: float32 (N, H, W, C) intensities ->
            (N, H, W, K) probabilities.
        name, channels, height, width, classes, batch: as of ``Network``.
    """

    function: Callable[..., Any]
    name: str
    channels: int
    height: int | None
    width: int | None
    classes: int
    batch: int | None = None


def round_up(length: int, multiple: int) -> int:
    """The smallest multiple that is no less than a length."""
    return -(-length // multiple) * multiple


def describe(function: Any, name: str = "model") -> Source:
    """Read the shapes of a Keras model, or of what has ``inputs`` and ``outputs`` as one has.

    Raises:
        ModelError: it does not have one image for its input and one of that size for its output.
    """
    inputs, outputs = getattr(function, "inputs", None), getattr(function, "outputs", None)
    if not inputs or not outputs:
        raise ModelError(
            f"{name} is {type(function).__name__}, of unknown inputs and outputs; {RULE}"
        )
    shapes = [tuple(tensor.shape) for tensor in (*inputs, *outputs)]
    came = f"{name} takes {shapes[: len(inputs)]} and gives {shapes[len(inputs) :]}"
    if len(shapes) != 2 or {len(shape) for shape in shapes} != {4}:
        raise ModelError(f"{came}; {RULE}; bring another in code/inference.py")
    (batch, height, width, channels), (_, out_height, out_width, classes) = shapes
    if channels is None or classes is None:
        raise ModelError(f"{came}; {RULE}, C and K fixed")
    for length, out_length in ((height, out_height), (width, out_width)):
        if length and out_length and length != out_length:
            raise ModelError(f"{came}; {RULE}; a mask has the image's size")
    return Source(function, name, channels, height, width, classes, batch)


def try_out(network: Network, images: np.ndarray, what: str) -> np.ndarray:
    """Run a network, and check what it gives.

    Args:
        images: float32 (N, h, w, C).
        what: they are called in messages, such as "a black image".

    Returns:
        float32 (N, h, w, K).

    Raises:
        ModelError: it fails, or gives something else than finite numbers for each pixel.
    """
    rule = "it must give (N, H, W, K) for float32 (N, H, W, C)"
    size = f"{images.shape[1]}×{images.shape[2]}"
    try:
        values = network.run(images)
    except MemoryError:
        raise
    except Exception as exc:  # whatever an engine raises where parts do not fit each other
        raise ModelError(f"{network.name} fails on an image of {size}: {exc}; {rule}") from exc
    if values.shape != (*images.shape[:3], network.classes):
        came = f"{network.name} gives {values.shape} for an image of {size}"
        raise ModelError(f"{came}; a mask has the image's size; {rule}")
    if not np.isfinite(values).all():
        raise ModelError(f"{network.name} gives NaN or infinity for {what}; train it again")
    return values
