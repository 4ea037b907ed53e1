#!/usr/bin/env python3
"""The engine alone, in a process of its own: what a server could at best be as fast as."""

import json
import os
import sys
import time
from pathlib import Path

import click
import numpy as np

from segmentation.answers import Mask
from segmentation.images import from_array
from segmentation.networks.tune import Computing
from segmentation.running.predict import predict
from segmentation.running.segmenter import load
from serving.settings import Settings


@click.command()
@click.argument("model_dir", type=click.Path(exists=True, path_type=Path))
@click.argument("image", type=click.Path(exists=True, path_type=Path))
def main(model_dir: Path, image: Path) -> None:
    """Segment IMAGE, an NPY file (H, W), by the model of MODEL_DIR.

    For each number on standard input it segments the image that many times, and prints the seconds
    that each took, as a JSON list.
    """
    settings = Settings.from_environment(os.environ)
    computing = Computing(settings.engine, settings.precision, settings.threads)
    segmenter = load(model_dir, computing=computing)
    images = from_array(np.load(image)).for_channels(segmenter.network.channels)
    mask = Mask.wanted(None, segmenter.spec, segmenter.network.classes)
    click.echo("ready")
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            begun = time.perf_counter()
            predict(segmenter, images, mask)
            seconds.append(time.perf_counter() - begun)
        click.echo(json.dumps(seconds))


if __name__ == "__main__":
    main()
