"""The table that invoke.py prints."""

import numpy as np
from PIL import Image

from aws.lib.jobs import Result
from segmentation.answers import ANSWERS, Mask

Image.MAX_IMAGE_PIXELS = None  # the answers are as large as what was sent
PICTURES = {".png", ".tif"}
OUTPUT_WIDTH = max(len(name) for name in ANSWERS)


def summary(results: list[Result]) -> list[str]:
    """The lines of a table: one for each result, below the titles."""
    width = max(len(result.job.image.name) for result in results)
    titles = f"{'output':{OUTPUT_WIDTH}}  {'foreground':>10}  {'pages':>5}  {'time':>7}  file"
    return [f"{'image':{width}}  {titles}"] + [_line(result, width) for result in results]


def _line(result: Result, width: int) -> str:
    share, pages = _measures(result)
    outcome = result.file if result.file else f"failed: {result.failure[:60]}"
    return (
        f"{result.job.image.name:{width}}  {result.job.output:{OUTPUT_WIDTH}}  {share:>10}  "
        f"{pages:>5}  {result.seconds:5.2f} s  {outcome}"
    )


def _measures(result: Result) -> tuple[str, str]:
    """The share of pixels that are not 0, of a mask; and the number of pages, of a picture."""
    if result.file is None or result.file.suffix not in PICTURES:
        return "", ""
    with Image.open(result.file) as picture:
        pages = getattr(picture, "n_frames", 1)
        share = f"{_foreground(picture, pages):.1%}" if result.job.output == Mask.name else ""
    return share, str(pages)


def _foreground(picture: Image.Image, pages: int) -> float:
    shares = []
    for page in range(pages):
        picture.seek(page)
        foreground = np.count_nonzero(np.asarray(picture))
        shares.append(foreground / (picture.width * picture.height))
    return sum(shares) / pages
