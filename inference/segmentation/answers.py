"""What a request can be answered with, ``output=mask`` and so on: a class for each.

An answer is made of the probabilities of each tile (``of_tile``), so that the probabilities of a
large image never exist as a whole, and drawn as planes when a picture is written (``planes``).
Whoever adds one writes a class with a name, these two, and what it costs; see CONTRIBUTING.md.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .errors import RequestError
from .images import Images
from .spec import ModelSpec

FOREGROUND = 255  # of a mask with one class; background is 0
# class 0 is background; Okabe and Ito's colours can be told apart by colour-blind people
COLORS = ("#000000", "#ffd400", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")

ANSWERS: dict[str, type["Answer"]] = {}  # by name; every class that names itself is in it


@dataclass(frozen=True)
class Answer(ABC):
    """One kind of answer, as one request wants it.

    Attributes:
        threshold: 0–1; a pixel is foreground where its probability is larger.
        colors: "#rrggbb" of the classes, background first.
        classes: of the network; 1 where it gives one foreground probability.
        multilabel: whether classes may overlap, so that background has no probability of its own.
        name: what the request calls it.
        pictures_only: whether only picture formats can hold it.
    """

    threshold: float = ModelSpec.threshold
    colors: Sequence[str] = COLORS
    classes: int = 1
    multilabel: bool = False

    name: ClassVar[str]
    pictures_only: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        ANSWERS[cls.name] = cls

    @classmethod
    def wanted(cls, threshold: float | None, spec: ModelSpec, classes: int) -> "Answer":
        """The answer for a request.

        Args:
            threshold: what the request asks for; None leaves it to the spec.
            spec: of the model.
            classes: of the network.

        Raises:
            RequestError: the request asks for something that this answer cannot do.
        """
        chosen = spec.threshold if threshold is None else threshold
        return cls(chosen, spec.class_colors or COLORS, classes, bool(spec.multilabel))

    @abstractmethod
    def of_tile(self, probabilities: np.ndarray) -> np.ndarray:
        """float32 (N, h, w, K) probabilities, 0–1 -> (N, h, w) or (N, h, w, K) of any dtype."""

    @property
    @abstractmethod
    def bytes_per_pixel(self) -> int:
        """What one pixel of ``of_tile`` takes."""

    def planes(self, values: np.ndarray, images: Images) -> np.ndarray:
        """What a picture shows: (P, H, W) of any dtype, or (P, H, W, 3) uint8.

        Args:
            values: (N, H, W) or (N, H, W, K), of all tiles.
            images: what they were made of.
        """
        if values.ndim == 3:
            return values
        planes = np.moveaxis(values, -1, 1)  # (N, H, W, K) -> (N, K, H, W)
        return planes.reshape(-1, *values.shape[1:3])  # -> (NK, H, W)


class Mask(Answer):
    """255 where the foreground is, 0 elsewhere, of each class where these may overlap; or the index
    of the likeliest of several classes.

    uint8, or uint16 where there are more than 256 classes.
    """

    name = "mask"

    @classmethod
    def wanted(cls, threshold: float | None, spec: ModelSpec, classes: int) -> Answer:
        if classes > 1 and not spec.multilabel and threshold is not None:
            raise RequestError(
                f"threshold is {threshold}; this model has {classes} classes and answers the "
                "likeliest one; leave the threshold out"
            )
        return super().wanted(threshold, spec, classes)

    def of_tile(self, probabilities: np.ndarray) -> np.ndarray:
        if self._likeliest:
            return probabilities.argmax(axis=-1).astype(self._dtype)
        mask = np.multiply(probabilities > self.threshold, FOREGROUND, dtype=np.uint8)
        return mask if self.multilabel else mask[..., 0]

    @property
    def bytes_per_pixel(self) -> int:
        return self._dtype.itemsize * (self.classes if self.multilabel else 1)

    @property
    def _likeliest(self) -> bool:
        return self.classes > 1 and not self.multilabel

    @property
    def _dtype(self) -> np.dtype:
        return np.min_scalar_type(self.classes - 1 if self._likeliest else FOREGROUND)


class Probability(Answer):
    """float32, 0–1: the probability of the foreground, or of each of K > 1 classes."""

    name = "probability"

    def of_tile(self, probabilities: np.ndarray) -> np.ndarray:
        return probabilities

    @property
    def bytes_per_pixel(self) -> int:
        return 4 * self.classes


class Overlay(Mask):
    """The image with the outline of its mask drawn in colour."""

    name = "overlay"
    pictures_only = True

    def planes(self, values: np.ndarray, images: Images) -> np.ndarray:
        pairs = zip(images.batch, values, strict=True)
        return np.stack([self._drawn(images, pixels, mask) for pixels, mask in pairs])

    def _drawn(self, images: Images, pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """(H, W, C) pixels and their (H, W) or (H, W, K) mask -> (H, W, 3) uint8."""
        gray_or_rgb = pixels if pixels.shape[-1] == 3 else pixels[..., :1]
        picture = np.broadcast_to(images.eight_bits(gray_or_rgb), (*mask.shape[:2], 3)).copy()
        if self._likeliest:
            edge = outline(mask)
            picture[edge] = class_colors(mask[edge], self.colors)
            return picture
        planes = np.moveaxis(mask, -1, 0) if self.multilabel else mask[None]
        for number, plane in enumerate(planes, start=1):  # 0 is background
            picture[outline(plane)] = class_colors(np.array(number), self.colors)
        return picture


def outline(mask: np.ndarray) -> np.ndarray:
    """The pixels of a (H, W) mask that are not background and touch another value; bool (H, W)."""
    padded = np.pad(mask, 1, mode="edge")
    center = padded[1:-1, 1:-1]
    neighbours = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    edge = np.zeros(mask.shape, bool)
    for neighbour in neighbours:
        edge |= neighbour != center
    return edge & (mask > 0)


def class_colors(classes: np.ndarray, colors: Sequence[str]) -> np.ndarray:
    """The colours of class indices of any shape, as uint8 with a last axis of 3.

    Classes past the last colour take those of the foreground again, never that of the background.
    """
    foreground = colors[1:] or COLORS[1:]
    palette = np.array([_rgb(color) for color in (colors[0], *foreground)], np.uint8)
    index = classes.astype(np.intp)
    return palette[np.where(index == 0, 0, 1 + (index - 1) % len(foreground))]


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


@dataclass(frozen=True)
class Prediction:
    """What a network says of the images of one request.

    Attributes:
        values: (N, H, W) or (N, H, W, K), as the answer makes them; see its class.
        answer: what the request wanted.
        images: those of the request.
        tiles: how many the images were cut into.
    """

    values: np.ndarray
    answer: Answer
    images: Images
    tiles: int = 1

    @property
    def per_image(self) -> np.ndarray:
        """(N, H, W), or (N, H, W, K) of K > 1 classes."""
        return self.values[..., 0] if self.values.shape[3:] == (1,) else self.values

    @property
    def plane_count(self) -> int:
        """How many planes of one number per pixel, or of one colour, the answer has."""
        if self.answer.pictures_only:  # drawn into the images
            return len(self.values)
        return self.values.size // (self.values.shape[1] * self.values.shape[2])

    @property
    def planes(self) -> np.ndarray:
        """What a picture shows; see ``Answer.planes``."""
        return self.answer.planes(self.values, self.images)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """The values with the leading axes of the request; also for output functions of users."""
        array = self.per_image if self.images.stacked else self.per_image[0]
        return np.array(array, dtype=dtype, copy=copy)
