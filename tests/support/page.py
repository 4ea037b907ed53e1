"""The server's page in a browser, as a person uses it."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from lib.browser import executable
from support.serving import PATIENCE

MILLISECONDS = 1000 * PATIENCE
DONE = "#work[aria-busy=false]"

DROP = """([content, name, type]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, {type}));
  return transfer;
}"""
PIXELS = """(canvas) => {
  const {width, height} = canvas, part = 32768;
  const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
  let text = "";
  for (let i = 0; i < data.length; i += part) {
    text += String.fromCharCode(...data.subarray(i, i + part));
  }
  return [width, height, btoa(text)];
}"""


def require_browser() -> None:
    """Skip the test where there is no browser; in CI that is a failure."""
    if executable():
        return
    if os.environ.get("CI"):
        pytest.fail("there is no browser", pytrace=False)
    pytest.skip("there is no browser")


class Screen:
    """A page that a person looks at.

    Attributes:
        page: Playwright's.
        errors: what the browser complained of: scripts that failed, what the policy forbids.
        asked: the addresses of all requests to the server for an image.
    """

    def __init__(self, page: Page, url: str):
        self.page = page
        self.errors: list[str] = []
        self.asked: list[str] = []
        page.set_default_timeout(MILLISECONDS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._hear)
        page.on("request", lambda sent: self._note(sent.method, sent.url))
        page.goto(url)

    def _hear(self, message: Any) -> None:
        refused = "the server responded with a status of" in message.text  # is shown in the page
        if message.type == "error" and not refused:
            self.errors.append(message.text)

    def _note(self, method: str, url: str) -> None:
        if method == "POST":
            self.asked.append(url)

    def transfer(self, content: bytes, name: str, media_type: str = "") -> Any:
        """What drops and pastes bring: a ``DataTransfer`` with a file."""
        encoded = base64.b64encode(content).decode()
        return self.page.evaluate_handle(DROP, [encoded, name, media_type])

    def choose(self, content: bytes, name: str, media_type: str = "") -> None:
        """Choose a file, and wait for the result."""
        file: Any = {"name": name, "mimeType": media_type, "buffer": content}
        self.page.set_input_files("#file", file)
        self.wait()

    def wait(self) -> None:
        """Wait until there is a result, or an error."""
        self.page.wait_for_selector(DONE, state="attached")

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    def move(self, slider: str, value: float) -> None:
        self.page.locator(slider).fill(str(value))

    def look(self, name: str) -> None:
        """Choose what is shown: image, mask, overlay or labels."""
        self.page.locator(f"#look input[value={name}]").check()

    def count(self, expected: int) -> None:
        """Wait until the page says that there are so many objects."""
        shown = f"{expected:,}"
        self.page.wait_for_selector(f"#count:text-is('{shown}')")

    def picture(self) -> np.ndarray:
        """uint8 (H, W, 3): the image and what lies over it, as drawn with a pixel for a pixel."""
        self.page.click("[data-zoom=one]")
        self.page.wait_for_selector("#zoom:text-is('100 %')")
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(done))")
        width, height, encoded = self.page.eval_on_selector("#view", PIXELS)
        drawn = np.frombuffer(base64.b64decode(encoded), np.uint8).reshape(height, width, 4)
        rows, columns = np.nonzero(drawn[..., 3])
        whole = drawn[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (whole[..., 3] == 255).all()
        return whole[..., :3]

    def download(self, folder: Path) -> Path:
        """Press the button, and return the file."""
        self.page.wait_for_timeout(150)  # Chromium drops what goes beyond ten downloads a second
        with self.page.expect_download() as found:
            self.page.click("#download")
        path = folder / found.value.suggested_filename
        found.value.save_as(path)
        return path


def screens(browser: Any, **context: Any) -> Iterator[Any]:
    """A function that opens the page of a URL; at the end nothing may have gone wrong in it."""
    with browser.new_context(**context) as opened:
        shown: list[Screen] = []

        def show(url: str) -> Screen:
            shown.append(Screen(opened.new_page(), url))
            return shown[-1]

        yield show
        wrong = [error for screen in shown for error in screen.errors]
        assert not wrong, wrong
