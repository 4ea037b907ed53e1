"""What a request can be answered with, ``output=mask`` and so on: a class for each.

An answer is made of the probabilities of each tile (``of_tile``), so that the probabilities of a
large image never exist as a whole, finished when all tiles are there (``finished``), and drawn as
planes when a picture is written (``planes``). Whoever adds one writes a class with a name, how it
is made of a tile, and what it costs; see CONTRIBUTING.md.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from .answer import ANSWERS as ANSWERS
from .answer import Answer, Content, planes_of
from .components import Components, find
from .drawing import COLORS as COLORS
from .drawing import class_colors, outline
from .errors import RequestError
from .images import Images
from .prediction import Prediction as Prediction
from .spec import ModelSpec

FOREGROUND = 255  # of a mask with one class; background is 0
MOST_LABELS = 65_535  # in 16 bits
LABEL_BYTES = 4  # of a pixel, while components are looked for


class Mask(Answer):
    """255 where the foreground is, 0 elsewhere, of each class where these may overlap; or the index
    of the likeliest of several classes.

    uint8, or uint16 where there are more than 256 classes. Components with fewer pixels than the
    request wants are background.
    """

    name = "mask"

    @classmethod
    def wanted(
        cls, threshold: float | None, spec: ModelSpec, classes: int, minimum: int = 1
    ) -> Answer:
        if classes > 1 and not spec.multilabel and threshold is not None:
            raise RequestError(
                f"threshold is {threshold}; this model has {classes} classes and answers the "
                "likeliest one; leave the threshold out"
            )
        return super().wanted(threshold, spec, classes, minimum)

    def of_tile(self, probabilities: np.ndarray) -> np.ndarray:
        if self._likeliest:
            return probabilities.argmax(axis=-1).astype(self._dtype)
        mask = np.multiply(probabilities > self.threshold, FOREGROUND, dtype=np.uint8)
        return mask if self.multilabel else mask[..., 0]

    def finished(self, values: np.ndarray) -> np.ndarray:
        if self.minimum > 1:
            for _, _, plane in planes_of(values):
                plane[find(plane, self.minimum).labels == 0] = 0
        return values

    @property
    def bytes_per_pixel(self) -> int:
        return self._planes * (self._dtype.itemsize + self._finding_bytes * (self.minimum > 1))

    @property
    def palette(self) -> np.ndarray | None:
        if not self._likeliest or self.colors is COLORS:
            return None
        return class_colors(np.arange(self.classes), self.colors)

    @property
    def _finding_bytes(self) -> int:
        """What a pixel takes while components are looked for: one class after the other."""
        return LABEL_BYTES + 1 + LABEL_BYTES * self._likeliest

    @property
    def _planes(self) -> int:
        """Of each image."""
        return self.classes if self.multilabel else 1

    @property
    def _likeliest(self) -> bool:
        return self.classes > 1 and not self.multilabel

    @property
    def _dtype(self) -> np.dtype:
        return np.min_scalar_type(self.classes - 1 if self._likeliest else FOREGROUND)


class Probability(Answer):
    """float32, 0–1: the probability of the foreground, or of each of K > 1 classes."""

    name = "probability"

    @classmethod
    def wanted(
        cls, threshold: float | None, spec: ModelSpec, classes: int, minimum: int = 1
    ) -> Answer:
        if minimum > 1:
            raise RequestError(
                f"minimum is {minimum}; it is the least pixels of a component, and probabilities "
                "have none; leave it out, or ask for another output"
            )
        return super().wanted(threshold, spec, classes)

    def of_tile(self, probabilities: np.ndarray) -> np.ndarray:
        return probabilities

    @property
    def bytes_per_pixel(self) -> int:
        return 4 * self.classes


class Overlay(Mask):
    """The image with the outline of its mask drawn in colour."""

    name = "overlay"
    content = Content.PICTURE

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


class Labels(Mask):
    """The components of the mask, numbered from 1 in each image; 0 is background. A plane for each
    class where these may overlap. See ``components``.

    uint16, or uint32 where an image has more than 65,535.
    """

    name = "labels"

    def finished(self, values: np.ndarray) -> np.ndarray:
        labels = np.empty(values.shape, np.uint32)
        for (_, _, plane), (_, _, numbers) in zip(
            planes_of(values), planes_of(labels), strict=True
        ):
            numbers[:] = find(plane, self.minimum).labels
        return labels if labels.max() > MOST_LABELS else labels.astype(np.uint16)

    @property
    def bytes_per_pixel(self) -> int:
        return self._planes * (self._dtype.itemsize + self._finding_bytes + LABEL_BYTES)

    @property
    def palette(self) -> None:
        return None


class OfPlane(NamedTuple):
    """The components of one plane of a mask.

    Attributes:
        image: of the request, from 0.
        classes: (n,) the class of each component.
        components: the n of them.
    """

    image: int
    classes: np.ndarray
    components: Components


class Objects(Mask):
    """What is told of each component of the mask; the mask itself is what the tiles make."""

    def components(self, mask: np.ndarray) -> Iterator[OfPlane]:
        """Those of each plane of a finished mask, (N, H, W) or (N, H, W, K), one by one."""
        for image, place, plane in planes_of(mask):
            found = find(plane)
            classes = found.values if self._likeliest else np.full(found.count, place + 1)
            yield OfPlane(image, classes, found)

    @property
    def bytes_per_pixel(self) -> int:
        return self._planes * (self._dtype.itemsize + self._finding_bytes)


class Polygons(Objects):
    """The outlines of the components, with their classes, as GeoJSON."""

    name = "geojson"
    content = Content.FEATURES


class Table(Objects):
    """A row of measurements for each component."""

    name = "table"
    content = Content.TABLE


class Preview(Answer):
    """The image as it was read, in 8 bits: what the network is shown. It does not run for it.

    uint8 (N, H, W), or (N, H, W, 3) of three channels; of others the first one.
    """

    name = "preview"
    content = Content.IMAGE
    of_network = False

    @classmethod
    def wanted(
        cls, threshold: float | None, spec: ModelSpec, classes: int, minimum: int = 1
    ) -> Answer:
        if minimum > 1:
            raise RequestError(
                f"minimum is {minimum}; it is the least pixels of a component, and an image has "
                "none; leave it out, or ask for another output"
            )
        return super().wanted(threshold, spec, classes)

    def of_images(self, images: Images) -> np.ndarray:
        pixels = replace(images, repeats=1).batch  # (N, H, W, C), as stored
        shown = pixels if pixels.shape[-1] == 3 else pixels[..., 0]
        values = np.empty(shown.shape, np.uint8)
        for number, image in enumerate(shown):
            values[number] = images.eight_bits(image)
        return values

    @property
    def bytes_per_pixel(self) -> int:
        return 3

    def planes(self, values: np.ndarray, images: Images) -> np.ndarray:
        return values
