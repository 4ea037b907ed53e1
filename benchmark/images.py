"""What is segmented: synthetic sections, also as bodies of requests; and by which models."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from models.lib.synthetic import section
from segmentation import artifacts
from segmentation.networks import unet
from segmentation.networks.conversion import store
from segmentation.networks.hardware import BFLOAT16, fastest_on_cpu

EMBEDDED = Path(__file__).resolve().parents[1] / "models" / "unet-membrane"

Body = tuple[bytes, str]  # and its content type


def picture() -> np.ndarray:
    """A section, uint8 (512, 512)."""
    return section(1)[0]


def bodies(image: np.ndarray) -> dict[str, Body]:
    """The same image, uint8 (H, W), by the name of the format."""
    npy = io.BytesIO()
    np.save(npy, image)
    return {
        "PNG": png(image),
        "NPY": (npy.getvalue(), "application/x-npy"),
        "JSON": (json.dumps({"instances": image.tolist()}).encode(), "application/json"),
    }


def png(image: np.ndarray) -> Body:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    return file.getvalue(), "image/png"


def tiff(pages: list[np.ndarray]) -> Body:
    """Images, uint8 (H, W) each, as the pages of a file."""
    file = io.BytesIO()
    first, *others = map(Image.fromarray, pages)
    first.save(file, "TIFF", save_all=True, append_images=others)
    return file.getvalue(), "image/tiff"


def save_untrained(folder: Path, filters: int) -> dict[str, str]:
    """Save a U-Net with random weights; returns the settings to serve it with.

    It is as fast as a trained one, but too undecided for the precision ``auto``.
    """
    unet.build(filters=filters).save(folder / "unet.keras")
    artifacts.prepare(folder)
    return {"UNET_PRECISION": BFLOAT16} if fastest_on_cpu() == BFLOAT16 else {}


def not_prepared(model_dir: Path, folder: Path) -> Path:
    """A copy of a model without its graph, in a new folder."""
    return shutil.copytree(model_dir, folder, ignore=shutil.ignore_patterns(f"*{store.SUFFIX}"))
