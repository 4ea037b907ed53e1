#!/usr/bin/env python3
"""Convert a model to the graph that the server runs, and put it beside the model."""

import logging
import os
from pathlib import Path

import in_venv as in_venv

import click

from segmentation import artifacts
from segmentation.bioimageio.package import unpack_beside
from segmentation.errors import SegmentationError
from serving.settings import named

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
EXAMPLE = """\b
Examples:
  scripts/models/prepare.py models/unet-membrane
  scripts/models/prepare.py models/unet-membrane --int8 isbi2012/image --labels isbi2012/label"""


@click.command(epilog=EXAMPLE)
@click.argument("model_dir", type=FOLDER)
@click.option("--int8", "images", type=FOLDER, help="images to calibrate a graph in int8 on")
@click.option("--labels", type=FOLDER, help="of these images, to compare scores, too")
def main(model_dir: Path, images: Path | None, labels: Path | None) -> None:
    """Convert the model in MODEL_DIR, check the graph against it, and put the graph beside it.

    A server that finds the graph starts without converting the model, in a third of the time. It is
    of no use any more when the model changes, or the versions of what converts it: the server then
    says so, and converts the model itself. Does nothing where a fitting graph is there already.
    The zip of a SavedModel in a package of bioimage.io is unpacked beside it, too.

    --int8 adds a graph in int8, which the server takes with UNET_PRECISION=int8. It is kept only if
    its masks agree with those in float32 on 99.5 % of the pixels of the images, and, with --labels,
    if the adapted Rand error does not rise by more than 0.005.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    filename = os.environ.get("UNET_MODEL_FILENAME")
    try:
        unpack_beside(model_dir, filename)
        graph = artifacts.prepare(model_dir, filename)
    except SegmentationError as exc:
        raise click.ClickException(named(str(exc))) from exc
    if images:
        from models.lib import int8  # imports what draws and measures

        for name, value in int8.add(model_dir, graph, images, labels).items():
            click.echo(f"{name:30} {value}", err=True)
    click.echo(graph)


if __name__ == "__main__":
    main()
