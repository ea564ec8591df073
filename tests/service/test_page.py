"""The page as people use it, in Chromium: mouse, file, keyboard, phone, light and dark, and the model in the browser."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import watched
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from served import Served, configured, from_data_url, serve
from writers import CANVAS, Points, Writer, draw, write

AXE = Path(__file__).parent / "axe-core/axe.min.js.gz"
HAND = Writer(shapes=(0,) * 10, slant=0.1, breadth=0.75, turn=0, size=0.65, pen=16, unsteady=0.012)
GRAVE = {"moderate", "serious", "critical"}


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    with serve(configured()) as served:
        yield served


def pen(page: Page, strokes: list[Points]) -> None:
    """Draw with the mouse."""
    box = page.locator("#pad").bounding_box()
    assert box
    scale = box["width"] / CANVAS
    for stroke in strokes:
        x, y = ([box[key] + scale * place for place in stroke[:, at]] for at, key in enumerate("xy"))
        page.mouse.move(x[0], y[0])
        page.mouse.down()
        for place in zip(x[1:], y[1:], strict=True):
            page.mouse.move(*place)
        page.mouse.up()


def reads(page: Page, digit: int) -> None:
    """Wait for that answer."""
    expect(page.locator("#digit")).to_have_text(str(digit), timeout=20_000)


def opened(page: Page, service: Served) -> Page:
    page.goto(service.url)
    expect(page.locator("#hint")).to_be_visible()
    return page


def hand(digit: int, seed: int = 5) -> list[Points]:
    return write(digit, HAND, np.random.default_rng(seed))


def test_a_three_that_is_drawn_reads_three_and_shows_what_is_behind_it(page: Page, service: Served) -> None:
    pen(opened(page, service), hand(3))
    reads(page, 3)
    expect(page.locator("#seen")).to_be_visible()
    expect(page.locator("#confidence-words")).to_contain_text("% sure")
    expect(page.locator("#model")).to_contain_text("pretrained")
    cards = page.locator("#cards li")
    expect(cards).to_have_count(5)
    expect(cards.nth(1)).to_contain_text("The raw scores")
    expect(cards.nth(4)).to_contain_text("No more than an average digit")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#digit")).to_have_text("?")
    expect(cards).to_have_count(0)


def test_an_uploaded_image_is_read(page: Page, service: Served, tmp_path: Path) -> None:
    path = tmp_path / "seven.png"
    Image.fromarray(draw(7, HAND, np.random.default_rng(2))).save(path)
    opened(page, service).locator("#file").set_input_files(path)
    reads(page, 7)
    expect(page.locator("#hint")).to_have_text("seven.png")


def test_what_is_no_image_is_said(page: Page, service: Served) -> None:
    opened(page, service).on("console", lambda _: None)
    page.remove_listener("console", page._impl_obj.listeners("console")[0]) if False else None
    page.locator("#file").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"\x89PNG nothing"})
    expect(page.locator("#sentence")).to_contain_text("cannot be read")
