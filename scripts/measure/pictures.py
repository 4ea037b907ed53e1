#!/usr/bin/env python3
"""Draw what the README shows of the answers: overlay, labels and polygons of one image."""

import io
import json
from collections.abc import Iterable
from pathlib import Path

import in_venv as in_venv

import click
import numpy as np
import requests
from PIL import Image, ImageDraw

from lib.server import serve

ROOT = Path(__file__).resolve().parents[2]
MODEL_DIR = ROOT / "models" / "unet-membrane"
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
OPTIONS = "minimum=20"  # drops what is no cell
CLOSER = slice(150, 320)  # the rows and columns in which polygons are shown, larger
SCALE = 8  # of these, before they are brought to size
LINE = 8  # pixels wide, at that scale
GOLDEN = 0.618034  # of a circle of hues: neighbouring numbers are far apart
GAP = 8
COLORS = 200  # of the file

EXAMPLE = """\b
Example:
  scripts/measure/pictures.py --out docs/answers.png"""


@click.command(epilog=EXAMPLE)
@click.option("--side", default=340, show_default=True, help="of each picture, in pixels")
@click.option(
    "--out",
    default=ROOT / "docs" / "answers.png",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
)
def main(side: int, out: Path) -> None:
    """Ask the server for the answers to the sample of the embedded model, and draw them."""
    sample = MODEL_DIR / "sample.png"
    with serve(MODEL_DIR) as server:
        body = sample.read_bytes()
        overlay, labels, polygons = (
            answer(server.url, body, output) for output in ("overlay", "labels", "geojson")
        )
    pictures = (
        Image.open(io.BytesIO(overlay)).convert("RGB"),
        colored(np.asarray(Image.open(io.BytesIO(labels)))),
        outlined(Image.open(sample), json.loads(polygons)["features"]),
    )
    size = (side, side)
    row = side_by_side([picture.resize(size, Image.Resampling.LANCZOS) for picture in pictures])
    row.quantize(COLORS, kmeans=2, dither=Image.Dither.NONE).save(out, optimize=True)
    click.echo(f"{out}: {row.width}×{row.height}, {out.stat().st_size:,} bytes")


def answer(url: str, body: bytes, output: str) -> bytes:
    """What a server answers to a PNG."""
    headers = {"Content-Type": "image/png", ATTRIBUTES: f"output={output}, {OPTIONS}"}
    response = requests.post(f"{url}/invocations", body, headers=headers, timeout=60)
    if response.status_code != 200:
        raise click.ClickException(f"{response.status_code}: {response.text}")
    return response.content


def colored(labels: np.ndarray) -> Image.Image:
    """(H, W) numbers of objects, each in a colour of its own, on black."""
    hues = np.mod(labels * GOLDEN, 1) * 255
    inside = np.where(labels > 0, 255, 0)
    hsv = np.stack([hues, 0.65 * inside, inside], axis=-1).astype(np.uint8)
    return Image.fromarray(hsv, "HSV").convert("RGB")


def outlined(image: Image.Image, features: Iterable[dict]) -> Image.Image:
    """A part of an image, with the polygons in the colours of their classes."""
    first, last = CLOSER.start, CLOSER.stop
    part = image.convert("RGB").crop((first, first, last, last))
    picture = part.resize((SCALE * part.width, SCALE * part.height), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(picture)
    for feature in features:
        color = tuple(feature["properties"]["classification"]["color"])
        for ring in feature["geometry"]["coordinates"]:
            points = [(SCALE * (x - first), SCALE * (y - first)) for x, y in ring]
            draw.line(points, color, LINE, joint="curve")
    return picture


def side_by_side(pictures: list[Image.Image]) -> Image.Image:
    """Pictures in a row, white between them."""
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    row = Image.new("RGB", (width, pictures[0].height), "white")
    left = 0
    for picture in pictures:
        row.paste(picture, (left, 0))
        left += picture.width + GAP
    return row


if __name__ == "__main__":
    main()
