"""What the server's own ``model_fn`` gives, which a ``predict_fn`` calls like a Keras model."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..answers import Probability
from ..images import Images, as_given
from .predict import predict
from .segmenter import Segmenter


@dataclass(frozen=True)
class Model(Segmenter):
    """A segmenter that can be called."""

    def __call__(self, images: Any, training: bool = False, **_: Any) -> np.ndarray:
        """The probabilities of images of any size.

        Args:
            images: those of ``input_fn``, or an array or a tensor, (H, W), (H, W, C), (N, H, W) or
                (N, H, W, C): of uint8, uint16 or bool, or of floats, which the network is given as
                they are.
            training: is not looked at, nor are others.

        Returns:
            float32 (N, H, W, K), 0–1.

        Raises:
            RequestError: it cannot be images for this network.
            OutOfMemory: there is not enough memory.
        """
        found = images if isinstance(images, Images) else as_given(np.asarray(images))
        found = found.for_channels(self.network.channels)
        answer = Probability.wanted(None, self.spec, self.network.classes)
        return predict(self, found, answer).values

    def predict(self, images: Any, *_: Any, **__: Any) -> np.ndarray:
        """The same, by the name that Keras has for it."""
        return self(images)
