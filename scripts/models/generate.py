#!/usr/bin/env python3
"""Write synthetic sections with exact labels: pictures like electron micrographs."""

from pathlib import Path

import in_venv as in_venv

import click
from PIL import Image
from tqdm import tqdm

from models.lib.synthetic import section

EXAMPLE = """\b
Example:
  scripts/models/generate.py out/sections --count 4 --size 512 512 --seed 1"""


@click.command(epilog=EXAMPLE)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--count", default=4, show_default=True, help="how many sections")
@click.option("--size", type=(int, int), default=(512, 512), show_default=True, metavar="H W")
@click.option("--seed", default=0, show_default=True, help="of the first; the next has the next")
def main(out: Path, count: int, size: tuple[int, int], seed: int) -> None:
    """Write synthetic sections into the folders image/ and label/ of OUT."""
    for folder in ("image", "label"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for index in tqdm(range(count), unit="section"):
        image, label = section(seed + index, size)
        Image.fromarray(image).save(out / "image" / f"{index:02}.png")
        Image.fromarray(label).save(out / "label" / f"{index:02}.png")


if __name__ == "__main__":
    main()
