"""Chromium behind Playwright, for tests of pages: ``from browser import browser, page`` in a conftest.py.

Whatever a page logs as an error, raises, or asks of another host fails the test that opened it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

__all__ = ["browser", "chromium", "page", "watched"]

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")
"""Chromium has no sandbox for root, and a container has little shared memory."""
PATIENCE = 20_000
"""Milliseconds that an action or an expectation waits: two cores may be busy."""


def chromium() -> str | None:
    """The path of this machine's Chromium."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser a file of tests: Playwright's loop runs as long, and in it no other could."""
    path = chromium()
    if path is None:
        pytest.skip(f"Expected one of {', '.join(NAMES)} on PATH; received none. Run apt-get install chromium.")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own, of a laptop's size; see `watched`."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    faults = watched(opened)
    yield opened
    context.close()
    assert not faults, "\n".join(faults)


def watched(opened: Page) -> list[str]:
    """What goes wrong in a page from now on: errors it logs or raises, requests to another host than its own."""
    faults: list[str] = []

    def logged(message: ConsoleMessage) -> None:
        if message.type == "error":
            faults.append(f"logged: {message.text} ({message.location})")

    def asked(request: Request) -> None:
        host = urlsplit(request.url)
        if host.scheme in ("http", "https", "ws", "wss") and host.hostname != "127.0.0.1":
            faults.append(f"asked another host: {request.url}")

    opened.on("console", logged)
    opened.on("pageerror", lambda error: faults.append(f"raised: {error}"))
    opened.on("request", asked)
    return faults
