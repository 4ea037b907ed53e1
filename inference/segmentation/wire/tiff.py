"""TIFF, the format of microscopes."""

import numpy as np
from PIL import Image

from . import media_types
from .pictures import Picture


class Tiff(Picture):
    """Any number of planes, the pages: gray of 8 or 16 bits or float, or colour of 8 bits."""

    name = "TIFF"
    media_type = media_types.TIFF
    aliases = ("image/tif",)
    suffixes = (".tif", ".tiff")
    signatures = (
        b"II*\0",  # little-endian
        b"MM\0*",  # big-endian
        b"II+\0",  # BigTIFF, little-endian
        b"MM\0+",  # BigTIFF, big-endian
        b"II\0*",  # wrong, as the next, but files have it, and Pillow reads them
        b"MM*\0",
    )
    place = 2
    largest = 65_535
    floats = True

    def _save_options(self, planes: np.ndarray, others: list[Image.Image]) -> dict:
        compression = None if planes.dtype == np.float32 else "tiff_adobe_deflate"
        return {"save_all": True, "append_images": others, "compression": compression}
