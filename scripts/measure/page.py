#!/usr/bin/env python3
"""Take pictures of the page in a browser: light, dark, on a telephone, of a stack, of an error."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import in_venv as in_venv

import click
import numpy as np
import tifffile
from PIL import Image
from playwright.sync_api import Browser, Page

from lib.browser import browser
from lib.server import serve

ROOT = Path(__file__).resolve().parents[2]
MODEL_DIR = ROOT / "models" / "unet-membrane"
SAMPLE = MODEL_DIR / "sample.png"
SIDE = 400  # pixels of a page of the stack
PIXELS_PER_MICROMETER = 250  # of the sample's sections
COLORS = 256  # of the picture for the README
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
PATIENCE = 120_000  # milliseconds

EXAMPLE = """\b
Examples:
  scripts/measure/page.py --out out/page
  scripts/measure/page.py --out out/page --readme docs/page.png"""


def sample(page: Page) -> None:
    """The sample, with its outlines."""
    page.click("#sample")
    page.wait_for_selector("#work[aria-busy=false]")


def stack(page: Page) -> None:
    """The third page of a stack, with its objects in colours and one of them chosen."""
    image = np.asarray(Image.open(SAMPLE))
    corners = ((0, 0), (30, 20), (60, 45), (85, 70), (112, 100))
    pages = np.stack([image[y : y + SIDE, x : x + SIDE] for y, x in corners])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "sections.tif")
        tifffile.imwrite(
            file,
            pages,
            imagej=True,
            resolution=(PIXELS_PER_MICROMETER, PIXELS_PER_MICROMETER),
            metadata={"axes": "ZYX", "unit": "um", "spacing": 0.05},
        )
        page.set_input_files("#file", file)
        page.wait_for_selector("#work[aria-busy=false]")
    page.locator("#look input[value=labels]").check()
    page.fill("#page", "3")
    page.fill("#minimum", "20")
    page.click("#objects summary")
    page.click("#columns button:has-text('area')")
    page.wait_for_selector("#stack:has-text('objects on')")


def error(page: Page) -> None:
    """A file that is no image."""
    file: Any = {"name": "notes.png", "mimeType": "image/png", "buffer": b"no image at all"}
    page.set_input_files("#file", file)
    page.wait_for_selector("[role=alert]")


class Scene(NamedTuple):
    """One picture: what is done on the page before, and on which screen.

    Attributes:
        act: what a person does.
        context: options of Playwright's for the screen.
    """

    act: Callable[[Page], None]
    context: dict[str, Any]


SCENES = {
    "light": Scene(sample, {"viewport": WIDE}),
    "dark": Scene(sample, {"viewport": WIDE, "color_scheme": "dark"}),
    "phone": Scene(
        sample, {"viewport": PHONE, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
    ),
    "stack": Scene(stack, {"viewport": WIDE}),
    "error": Scene(error, {"viewport": WIDE}),
}


@click.command(epilog=EXAMPLE)
@click.option(
    "--out",
    default=ROOT / "out" / "page",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="the folder of the pictures",
)
@click.option(
    "--readme",
    type=click.Path(dir_okay=False, path_type=Path),
    help="where to write that of the stack, too, in few colours",
)
def main(out: Path, readme: Path | None) -> None:
    """Take pictures of the page of a server with the embedded model.

    They look as they are to with the typeface Inter installed (Debian: fonts-inter).
    """
    out.mkdir(parents=True, exist_ok=True)
    with serve(MODEL_DIR) as server, browser() as chromium:
        for name, scene in SCENES.items():
            take(chromium, server.url, scene, out / f"{name}.png")
    if readme is not None:
        with Image.open(out / "stack.png") as picture:
            few = picture.convert("RGB").quantize(COLORS, kmeans=3, dither=Image.Dither.NONE)
            few.save(readme, optimize=True)


def take(chromium: Browser, url: str, scene: Scene, path: Path) -> None:
    """Write one picture; of a telephone, the whole page."""
    with chromium.new_context(**scene.context) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(url)
        page.wait_for_selector("#state:text-is('ready')")
        scene.act(page)
        page.mouse.move(0, 0)
        page.screenshot(path=path, full_page=bool(scene.context.get("is_mobile")))
    click.echo(f"{path}")


if __name__ == "__main__":
    main()
