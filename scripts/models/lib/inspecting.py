"""The command line of ``scripts/models/inspect.py``."""

import json
import logging
import os
import sys
from pathlib import Path

import click
from PIL import Image

from models.lib.inspection import inspect
from segmentation.errors import SegmentationError
from segmentation.wire.decoding import decode
from segmentation.wire.formats import FORMATS
from serving.settings import named

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
EXAMPLE = """\b
Example:
  scripts/models/inspect.py models/unet-membrane --image models/unet-membrane/sample.png"""


@click.command(epilog=EXAMPLE)
@click.argument("model_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--image", type=FILE, help="draw the answer to this image")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default="inspection.png",
    show_default=True,
    help="the picture: the image, its probabilities, its overlay",
)
def main(model_dir: Path, image: Path | None, out: Path) -> None:
    """Say what is found in MODEL_DIR, what it takes and gives, and what was assumed of it.

    Loads the model as the server does, and prints the model.json that would say what was told by
    its layers or assumed. Ends with 1, and the reason, where the server would refuse the model.
    """
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    try:
        found = inspect(model_dir, os.environ.get("UNET_MODEL_FILENAME"))
        for about, sentence in found.lines():
            click.echo(f"{about:12} {sentence}")
        click.echo("model.json   " + json.dumps(found.model_json(), ensure_ascii=False))
        if image:
            images = decode(image.read_bytes(), _media_type(image), max_pixels=sys.maxsize)
            Image.fromarray(found.picture(images)).save(out)
            click.echo(f"picture      {out}")
    except SegmentationError as exc:
        raise click.ClickException(named(str(exc))) from exc


def _media_type(image: Path) -> str:
    """Of its name; of others, the bytes tell."""
    suffix = image.suffix.lower()
    known = (format.media_type for format in FORMATS if suffix in format.suffixes)
    return next(known, "application/octet-stream")
