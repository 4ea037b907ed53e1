"""What is said of the images of one request."""

from dataclasses import dataclass

import numpy as np

from .answer import Answer, Content
from .images import Images


@dataclass(frozen=True)
class Prediction:
    """What a network says of the images of one request.

    Attributes:
        values: (N, H, W) or (N, H, W, K), as the answer makes them; see its class.
        answer: what the request wanted.
        images: those of the request.
        tiles: how many the images were cut into.
        seen: whether the images are those of the request; else only their number and size are.
    """

    values: np.ndarray
    answer: Answer
    images: Images
    tiles: int = 1
    seen: bool = True

    @property
    def per_image(self) -> np.ndarray:
        """(N, H, W), or (N, H, W, K) of K > 1 classes."""
        return self.values[..., 0] if self.values.shape[3:] == (1,) else self.values

    @property
    def plane_count(self) -> int:
        """How many planes of one number per pixel, or of one colour, the answer has."""
        if self.answer.content is Content.PICTURE:  # drawn into the images
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
