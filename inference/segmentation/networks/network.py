"""What a network is, before and after an engine has made it ready to run."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from ..errors import ModelError
from .form import Form

ONE, EIGHT_BITS, SIXTEEN_BITS = 1, 255, 65535  # the intensity of white
UNTOLD = 0  # it is more than 8 bits hold


@dataclass(frozen=True)
class Seen:
    """Images that a network was trained on, as its first batch normalisation remembers them, or as
    the quantization of its input tells.

    Attributes:
        mean, deviation: of their numbers, as the network took them.
    """

    mean: float
    deviation: float


@dataclass(frozen=True)
class Ends:
    """What the first and the last layer tell of the numbers that a network takes and gives.

    Attributes:
        largest: the intensity of white: 1; 255 or 65535 where the first layer divides by such a
            number, or takes whole ones of so many bits; 0 where it takes larger ones than 255, and
            does not tell how large.
        activation: "sigmoid", "softmax", "linear" (no activation: it gives logits), or "" where
            the last layer tells nothing.
        labels: how many classes it gives the indices of, in place of probabilities; 0 where that is
            not told; None: it gives probabilities, or logits.
        seen: images that it was trained on, where these were clearly none of intensities from 0 to
            ``largest``; None: they may have been, or nothing tells.
        bounds: what it gives for probabilities of 0 and 1, or for the first and the last class;
            None: these themselves, or it is not told.
        any_scale: whether it gives the same for intensities of 0–255 as for those of 0–1.
        quantized: whether the quantization of its input tells that it was trained on intensities of
            0 to ``largest``, or on what ``seen`` says, whose range is then its mean and twice its
            deviation on either side.
    """

    largest: int = ONE
    activation: str = ""
    labels: int | None = None
    seen: Seen | None = None
    bounds: tuple[float, float] | None = None
    any_scale: bool = False
    quantized: bool = False


@dataclass(frozen=True)
class Geometry:
    """What a network needs of the size of its input, and how far it looks.

    Attributes:
        stride: after how many pixels its maps begin anew: tiles lie on its multiples.
        reach: the largest distance in pixels, along an axis, from an output pixel to an input pixel
            that it depends on; None where the layers do not tell. Tiles that overlap by twice this
            give what the whole image would, unless it looks everywhere.
        everywhere: whether the network looks at the whole image, however large it is, as one does
            that normalises over it, or that enlarges by its corners. Tiles then cannot give what
            the whole image would.
        any_size: whether it takes an image of any size, and not only of multiples of its stride. In
            one piece it then gives what it gives to whoever trained it, to the last row.
    """

    stride: int
    reach: int | None = None
    everywhere: bool = False
    any_size: bool = False


@dataclass(frozen=True)
class Description:
    """What is known of a network; the attributes are those of ``Network``."""

    name: str
    channels: int
    height: int | None
    width: int | None
    classes: int
    batch: int | None
    geometry: Geometry
    ends: Ends


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

    def rest(self) -> None:
        """Give back the memory that runs took; the next one takes it again."""


@dataclass(frozen=True)
class Around(Description):
    """A network that makes something of what another one gives; see ``Network``.

    Attributes:
        network: the other one.
    """

    network: Network

    def rest(self) -> None:
        """Give back the memory that runs took; the next one takes it again."""
        self.network.rest()


@dataclass(frozen=True)
class Source(Description):
    """What an artifact holds, before an engine has made a network of it.

    Attributes:
        form: of the artifact itself, as ``load`` gives it.
        graph: an ``openvino.Model`` from float32 (N, H, W, C) intensities to float32 (N, H, W, K)
            probabilities; None where it could not be converted.
        int8: such a graph in int8, where it was prepared with one, or None.
        int8_for: the preprocessing of the images that it was calibrated on.
        unconverted: why there is no graph, or empty.
        load: gives a Keras model, or what is called like one, for TensorFlow to run; None where it
            cannot run this kind of artifact.
        assumed: what the artifact does not tell, and was taken for granted.
    """

    form: Form | None = None
    graph: Any = None
    int8: Any = None
    int8_for: str = ""
    unconverted: str = ""
    load: Callable[[], Callable[..., Any]] | None = None
    assumed: tuple[str, ...] = ()

    @property
    def description(self) -> dict[str, Any]:
        """What is known of its network, by the names of ``Description``."""
        return {known.name: getattr(self, known.name) for known in fields(Description)}


def round_up(length: int, multiple: int) -> int:
    """The smallest multiple that is no less than a length."""
    return -(-length // multiple) * multiple


def in_batches(
    run: Callable[[np.ndarray], np.ndarray], images: np.ndarray, batch: int | None
) -> np.ndarray:
    """Run any number of images, (N, h, w, C), where a network takes a fixed one at once.

    Args:
        run: takes ``batch`` images; black ones fill up the last batch.
        batch: None: any number.
    """
    if batch is None:
        return run(images)
    results = []
    for first in range(0, len(images), batch):
        part = images[first : first + batch]
        missing = [(0, batch - len(part)), (0, 0), (0, 0), (0, 0)]
        results.append(run(np.pad(part, missing))[: len(part)])
    return np.concatenate(results)


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
