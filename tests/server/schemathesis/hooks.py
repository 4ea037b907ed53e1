"""Bodies that are images, for Schemathesis, which knows of none; it imports this."""

import io
import os

import numpy as np
import schemathesis
from hypothesis import strategies as st
from PIL import Image

SIDES = st.integers(1, 8)


@st.composite
def arrays(draw):
    """uint8 (H, W)."""
    height, width = draw(SIDES), draw(SIDES)
    pixels = draw(st.binary(min_size=height * width, max_size=height * width))
    return np.frombuffer(pixels, np.uint8).reshape(height, width)


def written_by(file_format):
    def bytes_of(array):
        file = io.BytesIO()
        Image.fromarray(array).save(file, file_format)
        return file.getvalue()

    return arrays().map(bytes_of)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


for name in ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP"):
    schemathesis.openapi.media_type(f"image/{name.lower()}", written_by(name))
schemathesis.openapi.media_type("application/octet-stream", written_by("PNG"))
schemathesis.openapi.media_type("application/x-npy", arrays().map(npy))
schemathesis.openapi.media_type(
    "text/csv", arrays().map(lambda a: "\n".join(",".join(map(str, row)) for row in a).encode())
)


@schemathesis.hook
def map_body(context, body):
    """Models are loaded from the folder that the test has, or from one that is not there."""
    url = body.get("url") if isinstance(body, dict) else None
    if isinstance(url, str) and url.startswith("/"):
        body["url"] = os.environ["MODEL_DIR"] + url[1:2].replace("\0", "").replace("/", "")
    return body
