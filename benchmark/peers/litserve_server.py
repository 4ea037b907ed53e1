"""A U-Net behind LitServe, as its documentation shows it."""

import os

import keras
import litserve as ls
import numpy as np


class UNetAPI(ls.LitAPI):
    def setup(self, device):
        self.model = keras.saving.load_model(os.environ["MODEL"], compile=False)

    def decode_request(self, request):
        return np.array(request["instances"], np.float32)

    def predict(self, image):
        return self.model.predict(image[None, ..., None] / 255, verbose=0)[0, ..., 0]

    def encode_response(self, probabilities):
        return {"mask": np.where(probabilities > 0.5, 255, 0).tolist()}


if __name__ == "__main__":
    server = ls.LitServer(UNetAPI(api_path="/invocations"), accelerator="cpu", timeout=600)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        generate_client_file=False,
        log_level="error",
    )
