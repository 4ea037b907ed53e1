"""What is said of the images of one request."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .answer import Answer, Content
from .array_like import ArrayLike
from .drawing import class_colors
from .images import Images

MOST_CLASSES = 64  # whose names and colours a description has


@dataclass(frozen=True, eq=False)
class Prediction(ArrayLike):
    """What a network says of the images of one request. An ``output_fn`` of a user may take it for
    an array: that of ``pixels``.

    Attributes:
        values: (N, H, W) or (N, H, W, K), as the answer makes them; see its class.
        answer: what the request wanted.
        images: those of the request.
        tiles: how many the images are cut into.
        seconds: that the network was expected to take for them, where no other process computes;
            None: that is not known.
        seen: whether the images are those of the request; else only their number and size are.
    """

    values: np.ndarray
    answer: Answer
    images: Images
    tiles: int = 1
    seconds: float | None = None
    seen: bool = True

    @property
    def per_image(self) -> np.ndarray:
        """(N, H, W), or (N, H, W, K) of K > 1 classes."""
        return self.values[..., 0] if self.values.shape[3:] == (1,) else self.values

    @property
    def plane_count(self) -> int:
        """How many planes of one number per pixel, or of one colour, the answer has."""
        if self.answer.content in (Content.PICTURE, Content.IMAGE):  # of the images' own colours
            return len(self.values)
        return self.values.size // (self.values.shape[1] * self.values.shape[2])

    @property
    def planes(self) -> np.ndarray:
        """What a picture shows; see ``Answer.planes``."""
        return self.answer.planes(self.values, self.images)

    @property
    def description(self) -> dict[str, Any]:
        """What it was made of and how, in values that JSON holds: for programs that show it.

        Returns:
            By name: ``output``; ``shape``, N, H and W; ``threshold``, 0–1; ``minimum``, pixels;
            ``multilabel``, whether classes may overlap; ``classes``, the name and the colour
            "#rrggbb" of each, background first, of up to MOST_CLASSES; ``tiles``; ``seconds`` that
            the network was expected to take; ``pixel_um``, the height and the width of a pixel in
            micrometers. The last two are None where they are not known.
        """
        answer = self.answer
        count = min(answer.class_count, MOST_CLASSES)
        colors = class_colors(np.arange(count), answer.colors).tolist()
        names = (answer.class_name(number) for number in range(count))
        return {
            "output": answer.name,
            "shape": list(self.values.shape[:3]),
            "threshold": answer.threshold,
            "minimum": answer.minimum,
            "multilabel": answer.multilabel,
            "classes": [
                {"name": name, "color": "#{:02x}{:02x}{:02x}".format(*color)}
                for name, color in zip(names, colors, strict=True)
            ],
            "tiles": self.tiles,
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "pixel_um": self.images.calibration.pixel_size,
        }

    @property
    def pixels(self) -> np.ndarray:  # type: ignore[override]
        """The values with the leading axes of the request."""
        return self.per_image if self.images.stacked else self.per_image[0]
