"""A U-Net behind FastAPI, as its documentation shows it."""

import os

import keras
import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model = keras.saving.load_model(os.environ["MODEL"], compile=False)


class Image(BaseModel):
    instances: list[list[float]]


@app.post("/invocations")
def segment(image: Image) -> list[list[int]]:
    batch = np.array(image.instances, np.float32)[None, ..., None] / 255
    probabilities = model.predict(batch, verbose=0)
    return np.where(probabilities[0, ..., 0] > 0.5, 255, 0).tolist()


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
