"""A browser without a window: the Chromium of this machine, driven by Playwright."""

import contextlib
import os
import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


def executable() -> str | None:
    """The path of the browser; None: this machine has none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A browser, which ends with the context.

    Raises:
        FileNotFoundError: there is none.
    """
    path = executable()
    if path is None:
        raise FileNotFoundError(f"there is no browser: none of {', '.join(NAMES)} is in PATH")
    # Chromium's own sandbox refuses root, as which containers run
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield chromium
        finally:
            chromium.close()
