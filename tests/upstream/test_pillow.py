"""The parts of Pillow that we stand on, beside its documented ones."""

import io

import numpy as np
from PIL import Image


def test_numpy_takes_a_strip_of_an_image_without_the_rest():
    image = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(4, 3))
    assert np.asarray(image.crop((0, 1, 3, 3))).tolist() == [[3, 4, 5], [6, 7, 8]]


def test_an_animated_png_says_whether_its_first_picture_is_a_frame():
    first, second = (Image.new("L", (2, 2), value) for value in (10, 20))
    counts = []
    for default in (False, True):
        file = io.BytesIO()
        first.save(file, "PNG", save_all=True, append_images=[second] * 2, default_image=default)
        with Image.open(io.BytesIO(file.getvalue())) as image:
            counts.append((image.n_frames, bool(image.info.get("default_image"))))
    assert counts == [(3, False), (3, True)]
