"""napari: sends an image layer to the server, and adds its objects as a layer of labels.

pip install "napari[pyqt6]" requests
python napari_widget.py cells.tif
"""

import io
import sys

import napari
import numpy as np
import requests
from magicgui import magicgui
from napari.layers import Image, Labels


@magicgui(call_button="Segment", minimum={"max": 1_000_000})
def segment(
    image: Image,
    url: str = "http://127.0.0.1:8080/invocations",
    minimum: int = 20,
) -> Labels:
    """The objects of an image (H, W), a stack (N, H, W) or a colour image, numbered from 1.

    The URL may have options: http://127.0.0.1:8080/invocations?threshold=0.4

    Raises:
        ValueError: the server refused the image; the message says why, and what to do.
        requests.RequestException: the server is not there.
    """
    body = io.BytesIO()
    np.save(body, np.asarray(image.data))
    answer = requests.post(
        url,
        body.getvalue(),
        params={"output": "labels", "minimum": minimum},
        headers={"Content-Type": "application/x-npy"},
        timeout=600,
    )
    if answer.status_code != 200:
        raise ValueError(answer.json()["message"])
    labels = np.load(io.BytesIO(answer.content))
    return Labels(
        labels, name=f"{image.name} objects", scale=image.scale, translate=image.translate
    )


if __name__ == "__main__":
    viewer = napari.Viewer()
    viewer.window.add_dock_widget(segment, name="Segment")
    if len(sys.argv) > 1:
        viewer.open(sys.argv[1])
    napari.run()
