"""The table that invoke.py prints."""

import numpy as np
import orjson
from PIL import Image

from aws.lib.jobs import Result
from segmentation.answers import ANSWERS, Labels, Mask, Table

Image.MAX_IMAGE_PIXELS = None  # the answers are as large as what was sent
GEOJSON = ".geojson"
PICTURES = {".png", ".tif"}
OUTPUT_WIDTH = max(len(name) for name in ANSWERS)


def summary(results: list[Result]) -> list[str]:
    """The lines of a table: one for each result, below the titles."""
    width = max(len(result.job.image.name) for result in results)
    measures = f"{'foreground':>10}  {'pages':>5}  {'objects':>7}"
    titles = f"{'output':{OUTPUT_WIDTH}}  {measures}  {'time':>7}  file"
    return [f"{'image':{width}}  {titles}"] + [_line(result, width) for result in results]


def _line(result: Result, width: int) -> str:
    share, pages, objects = _measures(result)
    outcome = result.file if result.file else f"failed: {result.failure[:60]}"
    return (
        f"{result.job.image.name:{width}}  {result.job.output:{OUTPUT_WIDTH}}  {share:>10}  "
        f"{pages:>5}  {objects:>7}  {result.seconds:5.2f} s  {outcome}"
    )


def _measures(result: Result) -> tuple[str, str, str]:
    """The share of pixels that are not 0, of a mask; the number of pages, of a picture; and that of
    objects, where the answer has some.
    """
    output, file = result.job.output, result.file
    if file is None:
        return "", "", ""
    if output == Table.name:
        return "", "", str(len(result.rows))
    if file.suffix == GEOJSON:
        return "", "", str(len(orjson.loads(file.read_bytes())["features"]))
    if file.suffix not in PICTURES:
        return "", "", ""
    with Image.open(file) as picture:
        pages = getattr(picture, "n_frames", 1)
        share = f"{_foreground(picture, pages):.1%}" if output == Mask.name else ""
        objects = str(_labels(picture, pages)) if output == Labels.name else ""
    return share, str(pages), objects


def _foreground(picture: Image.Image, pages: int) -> float:
    shares = []
    for page in range(pages):
        picture.seek(page)
        foreground = np.count_nonzero(np.asarray(picture))
        shares.append(foreground / (picture.width * picture.height))
    return sum(shares) / pages


def _labels(picture: Image.Image, pages: int) -> int:
    """How many objects are numbered, on all pages together."""
    count = 0
    for page in range(pages):
        picture.seek(page)
        count += int(np.asarray(picture).max())
    return count
