"""Sections on disk: a folder of images beside a folder of labels of the same names."""

from pathlib import Path

import click
import numpy as np
from PIL import Image

SUFFIXES = (".png", ".tif", ".tiff")

# an image and its label, uint8 (H, W) each; the label is 0 on background
Pair = tuple[np.ndarray, np.ndarray]


def read(images: Path, labels: Path) -> list[Pair]:
    """Read the pairs of image and label, in the order of their names.

    Raises:
        click.ClickException: there is no image, or one has no label, or a label of another size.
    """
    paths = sorted(path for path in images.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise click.ClickException(f"no .png, .tif or .tiff in {images}")
    return [_read_pair(path, labels / path.name) for path in paths]


def _read_pair(path: Path, label_path: Path) -> Pair:
    if not label_path.exists():
        raise click.ClickException(f"{path} has no label: there is no {label_path}")
    image, label = _read_gray(path), _read_gray(label_path)
    if image.shape != label.shape:
        raise click.ClickException(
            f"{path} is {image.shape}, its label {label.shape}; they must be alike"
        )
    return image, label


def _read_gray(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


def turned(pair: Pair) -> list[Pair]:
    """The eight flips and quarter turns of an image, each with its label."""
    flips = (pair, (np.fliplr(pair[0]), np.fliplr(pair[1])))
    return [
        (np.rot90(image, quarters), np.rot90(label, quarters))
        for image, label in flips
        for quarters in range(4)
    ]


def positions(text: str, count: int) -> list[int]:
    """Parse positions in a list of ``count`` sections: "20-23" or "3,7"; "" is none.

    Raises:
        click.ClickException: a position is beyond the last section.
    """
    chosen: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        chosen += range(int(first), int(last or first) + 1)
    if any(position >= count for position in chosen):
        raise click.ClickException(
            f"there are {count} sections, counted from 0; {text} is beyond them"
        )
    return chosen
