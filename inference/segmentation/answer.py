"""What every answer is: how it is made of tiles, what it costs, and what can hold it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

import numpy as np

from .drawing import COLORS
from .images import Images
from .spec import ModelSpec

ANSWERS: dict[str, type["Answer"]] = {}  # by name; every class that names itself is in it


class Content(Enum):
    """What an answer is."""

    ARRAY = "numbers for each pixel"
    PICTURE = "colours, drawn into the image"
    IMAGE = "the image, as it was read"
    FEATURES = "polygons"
    TABLE = "rows of measurements"


@dataclass(frozen=True)
class Answer(ABC):
    """One kind of answer, as one request wants it.

    Attributes:
        threshold: 0–1; a pixel is foreground where its probability is larger.
        colors: "#rrggbb" of the classes, background first.
        classes: of the network; 1 where it gives one foreground probability.
        multilabel: whether classes may overlap, so that background has no probability of its own.
        names: of the classes, background first; empty where they have none.
        minimum: the least pixels of a component; smaller ones are background.
        name: what the request calls it.
        content: what it is, which tells the formats that can hold it.
        of_network: whether it is made of what the network says, tile by tile; else of the images
            alone (``of_images``).
    """

    threshold: float = ModelSpec.threshold
    colors: Sequence[str] = COLORS
    classes: int = 1
    multilabel: bool = False
    names: Sequence[str] = ()
    minimum: int = 1

    name: ClassVar[str]
    content: ClassVar[Content] = Content.ARRAY
    of_network: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        if "name" in vars(cls):
            ANSWERS[cls.name] = cls

    @classmethod
    def wanted(
        cls, threshold: float | None, spec: ModelSpec, classes: int, minimum: int = 1
    ) -> "Answer":
        """The answer for a request.

        Args:
            threshold: what the request asks for; None leaves it to the spec.
            spec: of the model.
            classes: of the network.
            minimum: what the request asks for.

        Raises:
            RequestError: the request asks for something that this answer cannot do.
        """
        chosen = spec.threshold if threshold is None else threshold
        colors = spec.class_colors or COLORS
        return cls(chosen, colors, classes, bool(spec.multilabel), spec.class_names, minimum)

    def of_tile(self, probabilities: np.ndarray) -> np.ndarray:
        """float32 (N, h, w, K) probabilities, 0–1 -> (N, h, w) or (N, h, w, K) of any dtype."""
        raise NotImplementedError(f"{self.name} is not made of probabilities")

    def of_images(self, images: Images) -> np.ndarray:
        """The values of all images, (N, H, W) or (N, H, W, 3), where the network has no say."""
        raise NotImplementedError(f"{self.name} is made of probabilities")

    @property
    @abstractmethod
    def bytes_per_pixel(self) -> int:
        """What one pixel takes, in ``of_tile`` and while it is finished and written."""

    def finished(self, values: np.ndarray) -> np.ndarray:
        """The values of all tiles, (N, H, W) or (N, H, W, K), as they are answered.

        They may be changed in place.
        """
        return values

    @property
    def palette(self) -> np.ndarray | None:
        """uint8 (classes, 3), the colour of each value; None where the values are no classes, or
        the model names no colours."""
        return None

    @property
    def class_count(self) -> int:
        """How many classes a mask tells apart, background among them."""
        return self.classes + (self.classes == 1 or self.multilabel)

    def class_name(self, number: int) -> str:
        """What a class is called, by the model or, where it is silent, here."""
        if number < len(self.names):
            return self.names[number]
        if number == 0:
            return "background"
        return "foreground" if self.classes == 1 else f"class {number}"

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


def planes_of(values: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """The image, the place in it and the view (H, W) of each plane of (N, H, W) or (N, H, W, K)."""
    for image, of_image in enumerate(values):
        planes = of_image[..., None] if of_image.ndim == 2 else of_image
        for place in range(planes.shape[2]):
            yield image, place, planes[..., place]
