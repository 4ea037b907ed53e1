#!/usr/bin/env python3
"""Draw the largest mistake that a model makes on synthetic sections: two cells joined into one."""

from pathlib import Path
from typing import NamedTuple

import in_venv as in_venv

import click
import numpy as np
from PIL import Image
from scipy import ndimage
from tqdm import tqdm

from measure.pictures import colored, side_by_side
from models.lib import synthetic
from segmentation.answers import Mask
from segmentation.images import from_array
from segmentation.running.predict import predict
from segmentation.running.segmenter import Segmenter, load

ROOT = Path(__file__).resolve().parents[2]
MODEL_DIR = ROOT / "models" / "unet-membrane"
SEED = 5000  # of the first section; apart from the seeds that train.py uses
SIDE = 160  # of what is shown, in pixels
SCALE = 2

EXAMPLE = """\b
Example:
  scripts/measure/mistakes.py --out models/unet-membrane/mistake.png"""


class Joined(NamedTuple):
    """Two true cells that are one in a mask.

    Attributes:
        pixels: of the smaller one.
        row, column: where they are nearest to each other.
    """

    pixels: int
    row: int
    column: int


@click.command(epilog=EXAMPLE)
@click.option("--count", default=8, show_default=True, help="synthetic sections to look through")
@click.option(
    "--out",
    default=MODEL_DIR / "mistake.png",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
)
def main(count: int, out: Path) -> None:
    """Draw an image, its true cells and those of the embedded model, where it joins the largest."""
    segmenter = load(MODEL_DIR)
    found = []
    for seed in tqdm(range(SEED, SEED + count), unit="section", disable=None):
        image, label = synthetic.section(seed)
        cells = mask_of(segmenter, image) > 0
        found += [(joined, image, label > 0, cells) for joined in mistakes(label > 0, cells)]
    if not found:
        raise click.ClickException(f"on {count} sections no cells are joined; raise --count")
    joined, image, truth, cells = max(found, key=lambda mistake: mistake[0].pixels)
    places = zip((joined.row, joined.column), image.shape, strict=True)
    first = [min(max(0, place - SIDE // 2), length - SIDE) for place, length in places]
    around = tuple(slice(start, start + SIDE) for start in first)
    pictures = [Image.fromarray(image[around]).convert("RGB")]
    pictures += [colored(ndimage.label(each)[0][around]) for each in (truth, cells)]
    size = (SCALE * SIDE, SCALE * SIDE)
    row = side_by_side([picture.resize(size, Image.Resampling.NEAREST) for picture in pictures])
    row.quantize(128, dither=Image.Dither.NONE).save(out, optimize=True)
    click.echo(f"{out}: {len(found)} pairs of cells are joined on {count} sections")


def mask_of(segmenter: Segmenter, image: np.ndarray) -> np.ndarray:
    """uint8 (H, W), 255 inside a cell, as the server answers."""
    answer = Mask.wanted(None, segmenter.spec, segmenter.network.classes)
    return np.asarray(predict(segmenter, from_array(image).for_channels(1), answer).values[0])


def mistakes(truth: np.ndarray, cells: np.ndarray, smallest: int = 100) -> list[Joined]:
    """The pairs of true cells that are one component of a mask; both bool (H, W).

    Args:
        smallest: pixels that a component must share with a cell to hold it.
    """
    known, components = ndimage.label(truth)[0], ndimage.label(cells)[0]
    found = []
    for number, box in enumerate(ndimage.find_objects(components), start=1):
        held = known[box] * (components[box] == number)
        shared = np.bincount(held.ravel())
        shared[0] = 0
        largest, *others = np.argsort(shared)[::-1]
        for other in others:
            if shared[other] < smallest:
                break
            distance = ndimage.distance_transform_edt(held != largest)
            nearest = np.argmin(np.where(held == other, distance, np.inf))
            row, column = np.unravel_index(nearest, held.shape)
            found.append(
                Joined(int(shared[other]), int(row) + box[0].start, int(column) + box[1].start)
            )
    return found


if __name__ == "__main__":
    main()
