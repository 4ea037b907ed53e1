#!/usr/bin/env python3
"""Measure how near tiled segmentation comes to untiled, and what it costs.

    scripts/measure_tiling.py models/unet-membrane isbi2012/image --out out/tiling

Each mosaic is cut from sections laid side by side; it is predicted in one piece, and in tiles with
several overlaps, whose inner parts are kept ("crop", what the server does) or whose margins are
blended by a linear ramp ("blend"). Prints a table, writes it as tiling.json, and for the default
overlap the mask with what differs in red, seams.png.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "inference"))

from segmentation import artifacts, precision, tiling
from segmentation.engine import OVERLAP, TILE_SIZE, Engine

OVERLAPS = (0, 64, 96, OVERLAP, 192, 246)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model_dir", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--side", type=int, default=2048, help="of a mosaic (default: %(default)s)")
    parser.add_argument("--mosaics", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument("--tile", type=int, default=TILE_SIZE, help="(default: %(default)s)")
    parser.add_argument("--precision", default="float32", help="(default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("out/tiling"))
    options = parser.parse_args()

    model = artifacts.load(options.model_dir)
    threshold = model.mask_threshold

    def warm_engine(tile_size: int, overlap: int | None = None) -> Engine:
        engine = Engine(model, tile_size, overlap, precision=options.precision)
        engine.warm_up()
        return engine

    pictures = [mosaic(options.images, options.side, i) for i in range(options.mosaics)]
    untiled = warm_engine(options.side)
    whole = [untiled.predict(picture, 1 / 255) for picture in pictures]
    rows = []
    for overlap in tqdm(OVERLAPS, unit="overlap", disable=None):
        engine = warm_engine(options.tile, overlap)
        for kind, predict in (("crop", cropped), ("blend", blended)):
            begun = time.perf_counter()
            tiled = [predict(engine, picture, overlap) for picture in pictures]
            seconds = time.perf_counter() - begun
            tiles = engine.tile_count(pictures[0].shape)
            row = {"overlap": overlap, "margins": kind, "tiles": tiles}
            rows.append(row | agreement(tiled, whole, threshold) | {"seconds": round(seconds, 2)})
            if overlap == OVERLAP and kind == "crop":
                picture_of_seams(tiled[0], whole[0], threshold, options.out)
    report(rows, options.out)


def mosaic(folder: Path, side: int, number: int) -> np.ndarray:
    """(1, side, side, 1) uint8: sections side by side, each at most once in a row and column."""
    files = sorted(folder.glob("*.png"))
    across = -(-side // 512)
    rows = []
    for row in range(across):
        chosen = [files[(number * 7 + row * across + i) % len(files)] for i in range(across)]
        sections = [np.asarray(Image.open(file).convert("L")) for file in chosen]
        rows.append(np.concatenate(sections, axis=1))
    return np.concatenate(rows)[None, :side, :side, None]


def cropped(engine: Engine, picture: np.ndarray, overlap: int) -> np.ndarray:
    return engine.predict(picture, 1 / 255)


def blended(engine: Engine, picture: np.ndarray, overlap: int) -> np.ndarray:
    """The same tiles, whole, weighted by a ramp across the overlap."""
    _, height, width, _ = picture.shape
    tile, places = engine._tiles_of(height, width)
    total = np.zeros((height, width, 1), np.float32)
    weights = np.zeros((height, width, 1), np.float32)
    window = np.minimum.outer(_ramp(tile[0], overlap), _ramp(tile[1], overlap))[..., None]
    for row, column in places:
        cut = tiling.cut(picture[0], row, column, tile)[None] / np.float32(255)
        area = np.s_[row.start : row.start + tile[0], column.start : column.start + tile[1]]
        values = engine._run(cut)[0][: height - row.start, : width - column.start]
        part = window[: values.shape[0], : values.shape[1]]
        total[area] += values * part
        weights[area] += part
    return (total / weights)[None]


def _ramp(length: int, overlap: int) -> np.ndarray:
    """1 in the middle, falling towards both ends over the overlap; never 0."""
    distance = np.minimum(np.arange(length) + 1, length - np.arange(length))
    return np.minimum(distance / max(overlap, 1), 1).astype(np.float32)


def agreement(tiled: list[np.ndarray], whole: list[np.ndarray], threshold: float) -> dict:
    difference = [np.abs(a - b) for a, b in zip(tiled, whole, strict=True)]
    same = [precision.agreement(a, b, threshold) for a, b in zip(tiled, whole, strict=True)]
    return {
        "masks agree": round(100 * float(np.mean(same)), 4),
        "largest difference": round(float(np.max(difference)), 4),
        "mean difference": float(f"{np.mean(difference):.2g}"),
    }


def picture_of_seams(tiled: np.ndarray, whole: np.ndarray, threshold: float, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    mask = np.where(tiled[0, ..., 0] > threshold, 255, 0).astype(np.uint8)
    differs = mask != np.where(whole[0, ..., 0] > threshold, 255, 0)
    picture = np.stack([mask] * 3, axis=-1)
    picture[differs] = (255, 0, 0)
    Image.fromarray(picture).save(out / "seams.png")


def report(rows: list[dict], out: Path) -> None:
    print("| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(map(str, row.values())) + " |")
    out.mkdir(parents=True, exist_ok=True)
    (out / "tiling.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
