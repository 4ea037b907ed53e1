"""A U-Net behind BentoML, as its documentation shows it."""

import os

import bentoml
import keras
import numpy as np


@bentoml.service(traffic={"timeout": 600})
class UNet:
    def __init__(self):
        self.model = keras.saving.load_model(os.environ["MODEL"], compile=False)

    @bentoml.api(route="/invocations")
    def segment(self, instances: np.ndarray) -> np.ndarray:
        batch = instances.astype(np.float32)[None, ..., None] / 255
        probabilities = self.model.predict(batch, verbose=0)
        return np.where(probabilities[0, ..., 0] > 0.5, 255, 0).astype(np.uint8)


if __name__ == "__main__":
    bentoml.serve(
        "bentoml_server:UNet",
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        working_dir=os.path.dirname(os.path.abspath(__file__)),
        blocking=True,
    )
