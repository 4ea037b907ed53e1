"""What one writes first: a model from its file, `model.predict`, and the toolkit's own codecs."""

from pathlib import Path

import keras
import numpy as np
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler


class InferenceHandler(DefaultInferenceHandler):
    def default_model_fn(self, model_dir, context=None):
        [path] = Path(model_dir).glob("*.keras")
        return keras.saving.load_model(path, compile=False)

    def default_predict_fn(self, data, model, context=None):
        """(H, W) intensities 0–255 -> (H, W) uint8 mask, 255 or 0."""
        probabilities = model.predict(data[None, ..., None] / 255)
        return np.where(probabilities[0, ..., 0] > 0.5, 255, 0).astype(np.uint8)
