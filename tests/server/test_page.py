"""The page at /, in a real browser."""

import json
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import playwright
import pytest
import requests
import tifffile

from lib.browser import browser
from segmentation.wire.media_types import CSV, JSON, NPY, PNG, TIFF
from support import bodies
from support.page import require_browser, screens
from support.serving import PATIENCE, serve

ROOT = Path(__file__).resolve().parents[2]
MODEL_DIR = ROOT / "models" / "unet-membrane"
PAGE = ROOT / "inference" / "page"
SIDE = 96
NODE = Path(playwright.__file__).parent / "driver" / "node"  # the one of Playwright itself
LANGUAGES = {
    "curl": ["bash", "-ec"],
    "python": [sys.executable, "-c"],
    "javascript": [NODE, "--input-type=module", "-e"],
}

THREE = """
import numpy as np

def model_fn(model_dir):
    def run(images):  # float32 (N, H, W, 1), 0-1 -> (N, H, W, 3)
        dark, bright = images < 0.3, images > 0.6
        return np.concatenate([dark, ~dark & ~bright, bright], -1).astype(np.float32)
    return run
"""
OVERLAPPING = """
import numpy as np

def model_fn(model_dir):
    return lambda images: np.concatenate([images, 1 - images], -1).astype(np.float32)
"""
FINISHED = """
import numpy as np

def model_fn(model_dir):
    return None

def predict_fn(images, model):
    return np.asarray(images) > 100
"""
SLOW = """
import time
import numpy as np

def model_fn(model_dir):
    def run(images):
        time.sleep(0.3)
        return np.asarray(images, np.float32)
    return run
"""
SLOW_TILE = 32
CLASSES = [
    {"name": "dark", "color": "#000000"},
    {"name": "gray", "color": "#00ff00"},
    {"name": "bright", "color": "#ff0000"},
]


@pytest.fixture(scope="module")
def chromium():
    require_browser()
    with browser() as opened:
        yield opened


@pytest.fixture
def show(chromium):
    yield from screens(chromium, viewport={"width": 1360, "height": 960})


@pytest.fixture(scope="module")
def server():
    with serve(MODEL_DIR) as server:
        yield server


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A server of many models, whose answers hold a megabyte."""
    folder = tmp_path_factory.mktemp("models")
    codes = {"three": THREE, "overlapping": OVERLAPPING, "finished": FINISHED}
    settings = {
        "SAGEMAKER_MULTI_MODEL": "true",
        "SAGEMAKER_BASE_DIR": str(folder),
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "1",
    }
    with serve(None, **settings) as server:
        for name, code in codes.items():
            (folder / name / "code").mkdir(parents=True)
            (folder / name / "code" / "inference.py").write_text(code)
            entries = {"classes": CLASSES, "multilabel": name == "overlapping"}
            (folder / name / "model.json").write_text(json.dumps(entries))
            assert server.load(name, folder / name).ok
        yield server


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """A server that takes its time for each tile."""
    folder = tmp_path_factory.mktemp("slow")
    (folder / "code").mkdir()
    (folder / "code" / "inference.py").write_text(SLOW)
    tiles = {"UNET_TILE_SIZE": SLOW_TILE, "UNET_TILE_OVERLAP": 0, "UNET_BATCH_SIZE": 1}
    with serve(folder, **{name: str(value) for name, value in tiles.items()}) as server:
        yield server


def crop(sample: bytes, side: int = SIDE) -> np.ndarray:
    return bodies.read(sample, PNG)[:side, :side]


def ask(server, body: bytes, accept: str, path: str = "/invocations", **options):
    """The server's own answer to the request that the page is to make."""
    query = "&".join(f"{key}={value}" for key, value in options.items())
    answer = server.invoke(body, f"{path}?{query}", headers={"Accept": accept})
    assert answer.ok, answer.text
    return answer


def table(server, body: bytes, **options) -> list[dict]:
    return ask(server, body, JSON, output="table", **options).json()


def test_an_image_that_is_dropped_is_segmented(server, show, sample):
    screen = show(server.url)
    screen.page.wait_for_selector("#state:text-is('ready')")
    data = {"dataTransfer": screen.transfer(sample, "cells.png", PNG)}
    screen.page.dispatch_event("body", "dragenter", data)
    assert screen.page.is_visible("#over")
    screen.page.dispatch_event("body", "drop", data)
    screen.wait()
    assert not screen.page.is_visible("#over")
    rows = table(server, sample)
    screen.count(len(rows))
    assert screen.text("#name") == "cells.png"
    assert "512 × 512 px" in screen.text("#facts")
    median = np.median([row["area"] for row in rows])
    # a half goes up in a browser, and to the even number in Python
    assert screen.text("#median") == f"{np.floor(median + 0.5):,.0f} px"


def test_an_image_that_is_pasted_and_the_sample(server, show, sample):
    screen = show(server.url)
    body = bodies.png(crop(sample))
    data = screen.transfer(body, "image.png", PNG)
    screen.page.evaluate(
        "(data) => dispatchEvent(new ClipboardEvent('paste', {clipboardData: data}))", data
    )
    screen.wait()
    screen.count(len(table(server, body)))
    screen.page.reload()
    screen.page.click("#sample")
    screen.wait()
    screen.count(len(table(server, sample)))
    assert screen.page.locator("#view").get_attribute("aria-label").startswith("sample.png: ")


def test_the_threshold_moves_without_the_server(server, show, sample):
    body = bodies.png(crop(sample))
    screen = show(server.url)
    screen.choose(body, "cells.png", PNG)
    asked = len(screen.asked)
    assert sorted(url.partition("?")[2] for url in screen.asked) == [
        "output=preview",
        "output=probability",
    ]
    screen.look("mask")
    for threshold in (0.15, 0.6, 0.93):
        screen.move("#threshold", threshold)
        screen.count(len(table(server, body, threshold=threshold)))
        mask = bodies.read(ask(server, body, NPY, threshold=threshold).content, NPY)
        color = np.array([0xFF, 0xD4, 0x00], np.uint8)  # of the model's cells
        np.testing.assert_array_equal(screen.picture(), (mask[..., None] > 0) * color)
    screen.page.fill("#minimum", "40")
    screen.count(len(table(server, body, threshold=0.93, minimum=40)))
    screen.page.click("#reset")
    screen.page.fill("#minimum", "1")
    screen.count(len(table(server, body)))
    assert len(screen.asked) == asked


def test_what_is_shown(server, show, sample):
    image = crop(sample)
    screen = show(server.url)
    screen.choose(bodies.png(image), "cells.png", PNG)
    mask = bodies.read(ask(server, bodies.png(image), NPY).content, NPY)
    screen.look("image")
    np.testing.assert_array_equal(screen.picture(), np.stack([image] * 3, axis=-1))
    screen.look("overlay")
    screen.move("#opacity", 0)
    overlay = ask(server, bodies.png(image), PNG, output="overlay").content
    np.testing.assert_array_equal(screen.picture(), bodies.read(overlay, PNG))
    screen.look("labels")
    screen.move("#opacity", 100)
    drawn = screen.picture()
    assert (drawn != image[..., None]).any(-1)[mask > 0].mean() > 0.99
    np.testing.assert_array_equal(drawn[mask == 0], np.stack([image] * 3, axis=-1)[mask == 0])


def test_objects_are_listed_and_found(server, show, sample):
    body = bodies.png(crop(sample))
    screen = show(server.url)
    screen.choose(body, "cells.png", PNG)
    rows = table(server, body)
    screen.page.click("#objects summary")
    first = screen.page.locator("#rows tr").first
    shown = first.locator("td").all_inner_texts()
    assert shown[:2] == ["1", f"{rows[0]['area']:,} px"]
    for text, column in zip(shown[2:], ("centroid-1", "centroid-0"), strict=True):
        assert float(text) == pytest.approx(rows[0][column], rel=0.005)
    assert screen.page.locator("#rows tr").count() == len(rows)
    screen.page.click("#columns button:text('area')")
    largest = max(row["area"] for row in rows)
    assert first.locator("td").all_inner_texts()[1] == f"{largest:,} px"
    first.locator("button").click()
    assert screen.text("#rows tr.chosen td:nth-child(2)") == f"{largest:,} px"


def test_a_stack_of_a_microscope(server, show, sample, tmp_path):
    image = bodies.read(sample, PNG)
    pages = np.stack([image[:SIDE, :SIDE], image[200:296, 200:296], image[-SIDE:, -SIDE:]])
    file = tmp_path / "cells.tif"
    metadata = {"axes": "ZYX", "unit": "um", "spacing": 0.05}
    tifffile.imwrite(file, pages, imagej=True, resolution=(250, 250), metadata=metadata)
    screen = show(server.url)
    screen.choose(file.read_bytes(), file.name)
    assert screen.text("#facts").startswith("96 × 96 px · 0.384 µm × 0.384 µm · 3 pages · ")
    rows = table(server, file.read_bytes())
    of_pages = [[row for row in rows if row["image"] == page] for page in range(3)]
    screen.count(len(of_pages[0]))
    middle = np.median([row["area_um2"] for row in of_pages[0]])
    assert float(screen.text("#median").removesuffix(" µm²")) == pytest.approx(middle, rel=0.005)
    screen.page.wait_for_selector(f"#stack:has-text('The stack: {len(rows)} objects on 3 pages')")
    screen.look("image")
    screen.page.click("#next")
    assert screen.text("#page-number") == "Page 2 of 3"
    np.testing.assert_array_equal(screen.picture()[..., 0], pages[1])
    screen.page.focus("#view")
    screen.page.keyboard.press("PageDown")
    assert screen.text("#page-number") == "Page 3 of 3"
    screen.count(len(of_pages[2]))
    formats = screen.page.locator("#format option").all_inner_texts()
    assert "TIFF" in formats
    assert "PNG" not in formats
    assert screen.download(tmp_path / "out").name == "cells-mask.tif"
    answer = ask(server, file.read_bytes(), TIFF).content
    assert (tmp_path / "out" / "cells-mask.tif").read_bytes() == answer


def test_every_download_is_the_answer_of_the_server(server, show, sample, tmp_path):
    body = bodies.png(crop(sample, 32))
    screen = show(server.url)
    screen.choose(body, "a cell.png", PNG)
    screen.move("#threshold", 0.6)
    formats = json.loads(screen.page.locator("#answers").text_content())["formats"]
    outputs = screen.page.locator("#output option").evaluate_all("all => all.map(o => o.value)")
    for output in outputs:
        screen.page.select_option("#output", output)
        options = screen.page.locator("#format option").evaluate_all("all => all.map(o => o.value)")
        for media_type in options:
            screen.page.select_option("#format", media_type)
            threshold = {} if output in ("preview", "probability") else {"threshold": 0.6}
            answer = ask(server, body, media_type, output=output, **threshold)
            assert answer.headers["Content-Type"] == media_type
            path = screen.download(tmp_path)
            assert path.name == f"a cell-{output}.{formats[media_type]['suffix']}"
            if media_type != "application/x-npz":  # which has the time in it
                assert path.read_bytes() == answer.content, (output, media_type)


def test_the_page_beside_eight_clients(server, show, sample, tmp_path):
    body, left = sample, threading.Event()

    def client():
        masks = set()
        while not left.is_set():
            masks.add(ask(server, body, PNG).content)
        return masks

    expected = ask(server, body, PNG, threshold=0.6).content
    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client) for _ in range(8)]
        try:
            screen = show(server.url)
            screen.choose(body, "sample.png", PNG)
            screen.move("#threshold", 0.6)
            assert screen.download(tmp_path).read_bytes() == expected
        finally:
            left.set()
        masks = set.union(*(client.result() for client in clients))
    assert masks == {ask(server, body, PNG).content}


def test_the_same_request_in_other_languages(server, show, sample, tmp_path):
    name = "it's a cell.png"
    (tmp_path / name).write_bytes(bodies.png(crop(sample)))
    screen = show(server.url)
    screen.choose((tmp_path / name).read_bytes(), name, PNG)
    screen.move("#threshold", 0.6)
    screen.page.select_option("#output", "labels")
    screen.page.select_option("#format", TIFF)
    expected = ask(server, (tmp_path / name).read_bytes(), TIFF, output="labels", threshold=0.6)
    for language, command in LANGUAGES.items():
        screen.page.locator(f"input[value={language}]").check()
        code = [*command, screen.text("#code")]
        subprocess.run(code, cwd=tmp_path, check=True, timeout=PATIENCE, capture_output=True)
        written = tmp_path / "it's a cell-labels.tif"
        assert written.read_bytes() == expected.content
        written.unlink()


def test_an_error_is_shown_as_the_server_says_it(server, show):
    screen = show(server.url)
    screen.choose(b"hello world", "notes.png", PNG)
    said = server.invoke(b"hello world", headers={"Content-Type": PNG}).json()
    shown = screen.page.wait_for_selector("[role=alert]").inner_text()
    assert shown.startswith(f"400 BadRequest notes.png: {said['message']}")
    assert screen.page.is_visible("#start")


def test_what_the_server_advises_is_a_button(server, show, sample):
    gray = crop(sample)
    colour = np.stack([gray, gray // 2, gray // 3], axis=-1)
    screen = show(server.url)
    screen.choose(bodies.png(colour), "colour.png", PNG)
    screen.page.click("[role=alert] button:text('Send it with channel=0')")
    screen.count(len(table(server, bodies.png(colour), channel=0)))
    assert not screen.page.is_visible("[role=alert]")
    screen.choose(bodies.png(gray.astype(np.uint16) * 16), "camera.png", PNG)
    assert "as of a 12-bit camera" in screen.text("#warning")
    screen.page.click("#warning button:text('Send it with range=4095')")
    screen.count(len(table(server, bodies.png(gray.astype(np.uint16) * 16), range=4095)))


def test_long_work_shows_the_tiles_that_are_done(slow, show, sample):
    body = bodies.png(crop(sample))
    screen = show(slow.url)
    screen.page.set_input_files("#file", {"name": "a.png", "mimeType": PNG, "buffer": body})
    screen.page.wait_for_selector("#elapsed:text-matches('[1-8] of 9 tiles')")
    assert 0 < screen.page.locator("#progress").evaluate("(bar) => bar.value") < 1
    screen.wait()
    screen.count(len(table(slow, body)))


def test_a_client_may_ask_how_many_tiles_are_done(slow, sample):
    url = f"{slow.url}/progress/mine"
    with ThreadPoolExecutor() as pool:
        headers = {"X-Amzn-SageMaker-Inference-Id": "mine"}
        asked = pool.submit(slow.invoke, bodies.png(crop(sample)), headers=headers)
        told = []
        while not asked.done():
            answer = requests.get(url, timeout=PATIENCE)
            if answer.status_code == 200:
                told.append(tuple(answer.json().values()))
        assert asked.result().ok
    assert {tiles for _, tiles in told} == {9}
    done = [done for done, _ in told]
    assert done == sorted(done)
    assert len(set(done)) > 3
    assert requests.get(url, timeout=PATIENCE).status_code == 204


def test_what_a_person_does_while_the_server_works(server, show, sample):
    body = bodies.png(crop(sample))
    screen = show(server.url)
    screen.choose(body, "cells.png", PNG)
    screen.page.click("#objects summary")
    screen.move("#threshold", 0.6)
    held = []
    screen.page.route("**/invocations?*", lambda route: held.append(route))
    screen.page.click("details:has(#range) summary")
    with screen.page.expect_request("**/invocations?*"):
        screen.page.check("#augment")  # asks again, while the objects of before are to be counted
    assert screen.text("#count") == "–"
    screen.page.wait_for_timeout(400)
    screen.page.click("#columns button:text('area')")
    screen.move("#threshold", 0.3)
    screen.page.fill("#minimum", "2")
    screen.page.fill("#minimum", "1")
    screen.page.click("[data-zoom=fit]")
    for route in held:
        route.continue_()
    screen.page.unroute_all()
    screen.wait()
    screen.count(len(table(server, body, augment=8)))


def test_a_telephone(server, chromium, sample):
    phone = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
    for show in screens(chromium, **phone, color_scheme="dark"):
        screen = show(server.url)
        screen.choose(bodies.png(crop(sample)), "a-name" + 20 * "-longer" + ".png", PNG)
        width = screen.page.evaluate("() => document.scrollingElement.scrollWidth")
        assert width == 360


def test_everything_has_a_name_and_can_be_reached_by_keys(server, show, sample):
    screen = show(server.url)
    screen.choose(bodies.png(crop(sample)), "cells.png", PNG)
    for summary in screen.page.locator("summary").all():
        summary.click()
    reached = set()
    for _ in range(60):
        screen.page.keyboard.press("Tab")
        reached.add(screen.page.evaluate("() => document.activeElement.id"))
    assert {"view", "threshold", "minimum", "output", "format", "download", "code"} <= reached
    assert {"opacity", "contrast", "range", "channel", "augment", "copy"} <= reached
    roles = "button|slider|checkbox|radio|combobox|spinbutton|textbox"
    tree = screen.page.locator("body").aria_snapshot()
    assert len(re.findall(rf'- ({roles}) "', tree)) > 30
    assert not re.findall(rf"- ({roles})(?! \")", tree)
    screen.page.focus("#view")
    before = screen.text("#zoom")
    screen.page.keyboard.press("+")
    screen.page.wait_for_selector(f"#zoom:not(:text-is('{before}'))")


def test_one_of_many_models(many, show, sample):
    body = bodies.png(crop(sample))
    screen = show(many.url)
    screen.page.wait_for_selector("#model-field")
    names = screen.page.locator("#model option").all_inner_texts()
    assert sorted(names) == ["finished", "overlapping", "three"]
    screen.page.select_option("#model", "three")
    screen.choose(body, "cells.png", PNG)
    assert not screen.page.is_visible("#threshold")
    rows = ask(many, body, JSON, "/models/three/invoke", output="table").json()
    screen.count(len(rows))
    assert screen.page.locator("#classes label").all_inner_texts() == ["dark", "gray", "bright"]
    screen.look("mask")
    index = bodies.read(ask(many, body, NPY, "/models/three/invoke").content, NPY)
    colors = np.array([[0, 0, 0], [0, 255, 0], [255, 0, 0]], np.uint8)
    np.testing.assert_array_equal(screen.picture(), colors[index])
    screen.page.select_option("#model", "overlapping")
    screen.page.wait_for_selector("#threshold", state="visible")
    screen.move("#threshold", 0.4)
    options = {"output": "table", "threshold": 0.4}
    rows = ask(many, body, JSON, "/models/overlapping/invoke", **options).json()
    screen.count(len(rows))


def test_a_finished_mask_has_no_threshold(many, show, sample):
    body = bodies.png(crop(sample))
    screen = show(many.url)
    screen.page.wait_for_selector("#model-field")
    screen.page.select_option("#model", "finished")
    screen.choose(body, "cells.png", PNG)
    assert "has no threshold" in screen.text("#threshold-note")
    screen.count(len(ask(many, body, JSON, "/models/finished/invoke", output="table").json()))


def test_an_image_whose_probabilities_are_too_large_to_be_sent(many, show, sample):
    image = bodies.read(sample, PNG)
    body = bodies.png(np.tile(image, (1, 2))[:, :600])
    screen = show(many.url)
    screen.page.wait_for_selector("#model-field")
    screen.page.select_option("#model", "overlapping")
    screen.choose(body, "cells.png", PNG)
    path = "/models/overlapping/invoke"
    assert "each change of the threshold asks the server" in screen.text("#threshold-note")
    screen.count(rows_of(ask(many, body, CSV, path, output="table")))
    screen.move("#threshold", 0.9)
    screen.page.locator("#threshold").dispatch_event("change")
    screen.count(rows_of(ask(many, body, CSV, path, output="table", threshold=0.9)))


def rows_of(answer) -> int:
    """How many rows a table in CSV has, below that of the names of its columns."""
    return len(answer.text.splitlines()) - 1
