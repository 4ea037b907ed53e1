#!/usr/bin/env python3
"""Measure how near tiled segmentation comes to untiled, and what it costs."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import in_venv as in_venv

import click
import numpy as np
from PIL import Image
from tqdm import tqdm

from segmentation.answers import Probability
from segmentation.images import Images, from_array
from segmentation.networks import probe
from segmentation.networks.network import Network
from segmentation.networks.tune import Computing
from segmentation.running.plan import OVERLAP, TILE_SIZE
from segmentation.running.predict import predict
from segmentation.running.segmenter import Segmenter, load, prepare

OVERLAPS = (0, 64, 96, OVERLAP, 192, 246)
SECTION_SIDE = 512
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

EXAMPLE = """\b
Example:
  scripts/measure/tiling.py models/unet-membrane isbi2012/image --out out/tiling"""


@click.command(epilog=EXAMPLE)
@click.argument("model_dir", type=FOLDER)
@click.argument("images", type=FOLDER)
@click.option("--side", default=2048, show_default=True, help="of a mosaic, in pixels")
@click.option("--mosaics", default=2, show_default=True, help="how many")
@click.option("--tile", default=TILE_SIZE, show_default=True, help="side of a tile, in pixels")
@click.option("--precision", default="float32", show_default=True)
@click.option("--out", default="out/tiling", show_default=True, type=click.Path(path_type=Path))
def main(
    model_dir: Path, images: Path, side: int, mosaics: int, tile: int, precision: str, out: Path
) -> None:
    """Measure how near tiled segmentation comes to untiled, and what it costs.

    Each mosaic is cut from sections of IMAGES laid side by side; the model of MODEL_DIR predicts it
    in one piece, and in tiles with several overlaps, whose inner parts are kept ("crop", what the
    server does) or whose margins are blended by a linear ramp ("blend"). Prints a table, writes it
    as tiling.json, and for the default overlap the mask with what differs in red, seams.png.
    """
    loaded = load(model_dir, computing=Computing(precision=precision))
    network, spec = loaded.network, loaded.spec
    pictures = [from_array(mosaic(images, side, i)).for_channels(1) for i in range(mosaics)]
    untiled = prepare(network, spec, tile_size=side)
    whole = [cropped(untiled, picture) for picture in pictures]
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for overlap in tqdm(OVERLAPS, unit="overlap", disable=None):
        segmenter = prepare(network, spec, tile_size=tile, tile_overlap=overlap)
        row, tiled = measure(segmenter, cropped, pictures, whole)
        rows.append({"overlap": overlap, "margins": "crop"} | row)
        if overlap == OVERLAP:
            draw_seams(tiled[0], whole[0], spec.threshold, out / "seams.png")
        row, _ = measure(segmenter, blended, pictures, whole)
        rows.append({"overlap": overlap, "margins": "blend"} | row)
    report(rows, out / "tiling.json")


def mosaic(folder: Path, side: int, number: int) -> np.ndarray:
    """uint8 (side, side): sections side by side, each at most once in a row and column."""
    files = sorted(folder.glob("*.png"))
    across = -(-side // SECTION_SIDE)
    rows = []
    for row in range(across):
        chosen = [files[(number * 7 + row * across + i) % len(files)] for i in range(across)]
        sections = [np.asarray(Image.open(file).convert("L")) for file in chosen]
        rows.append(np.concatenate(sections, axis=1))
    return np.concatenate(rows)[:side, :side]


def cropped(segmenter: Segmenter, images: Images) -> np.ndarray:
    """The probabilities (1, H, W, 1) as the server computes them."""
    answer = Probability.wanted(None, segmenter.spec, segmenter.network.classes)
    return predict(segmenter, images, answer).values


def blended(segmenter: Segmenter, images: Images) -> np.ndarray:
    """The same of the same tiles, whole, weighted by a ramp across the overlap."""
    pixels = images.batch  # (1, H, W, 1)
    total = np.zeros(pixels.shape, np.float32)
    weights = np.zeros(pixels.shape, np.float32)
    _, height, width, _ = pixels.shape
    plan = segmenter.plan
    for tile in plan.tiles(1, height, width):
        row, column = tile.row.start, tile.column.start
        values = run(segmenter.network, images, tile.cut_from(pixels))[: height - row]
        values = values[:, : width - column]
        area = np.s_[0, row : row + values.shape[0], column : column + values.shape[1]]
        ramps = ramp(tile.size[0], plan.rows.margin), ramp(tile.size[1], plan.columns.margin)
        window = np.minimum.outer(*ramps)[: values.shape[0], : values.shape[1], None]
        total[area] += values * window
        weights[area] += window
    return total / weights


def run(network: Network, images: Images, cut: np.ndarray) -> np.ndarray:
    """(h, w, C) pixels as stored -> float32 (h, w, K) probabilities."""
    return network.run(images.intensities(cut[None]))[0]


def ramp(length: int, margin: int) -> np.ndarray:
    """1 in the middle, falling towards both ends over the overlap; never 0."""
    distance = np.minimum(np.arange(length) + 1, length - np.arange(length))
    return np.minimum(distance / max(2 * margin, 1), 1).astype(np.float32)


def measure(
    segmenter: Segmenter,
    method: Callable[[Segmenter, Images], np.ndarray],
    pictures: list[Images],
    whole: list[np.ndarray],
) -> tuple[dict, list[np.ndarray]]:
    """Segment pictures in tiles, and compare with what they are in one piece.

    Returns:
        The row of the table, and the probabilities (1, H, W, 1) of each picture.
    """
    begun = time.perf_counter()
    tiled = [method(segmenter, picture) for picture in pictures]
    seconds = time.perf_counter() - begun
    tiles = segmenter.plan.tiles(*pictures[0].batch.shape[:3])
    comparison = compare(tiled, whole, segmenter.spec.threshold)
    return {"tiles": len(tiles)} | comparison | {"seconds": round(seconds, 2)}, tiled


def compare(tiled: list[np.ndarray], whole: list[np.ndarray], threshold: float) -> dict:
    difference = [np.abs(a - b) for a, b in zip(tiled, whole, strict=True)]
    same = [probe.agreement(a, b, threshold) for a, b in zip(tiled, whole, strict=True)]
    return {
        "masks agree": round(100 * float(np.mean(same)), 4),
        "largest difference": round(float(np.max(difference)), 4),
        "mean difference": float(f"{np.mean(difference):.2g}"),
    }


def draw_seams(tiled: np.ndarray, whole: np.ndarray, threshold: float, path: Path) -> None:
    """Save the mask of tiled probabilities (1, H, W, 1), and in red where the whole's differs."""
    mask = np.where(tiled[0, ..., 0] > threshold, 255, 0).astype(np.uint8)
    differs = mask != np.where(whole[0, ..., 0] > threshold, 255, 0)
    picture = np.stack([mask] * 3, axis=-1)  # (H, W, 3)
    picture[differs] = (255, 0, 0)
    Image.fromarray(picture).save(path)


def report(rows: list[dict], path: Path) -> None:
    click.echo("| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0]))
    for row in rows:
        click.echo("| " + " | ".join(map(str, row.values())) + " |")
    path.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
