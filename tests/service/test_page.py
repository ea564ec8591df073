"""The page as people use it, in Chromium: mouse, file, keyboard, phone, light and dark, and what it is refused."""

from __future__ import annotations

import base64
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import httpx
import numpy as np
import pytest
from browser import watched
from paged import HAND, Paged, hand, pen, reads, serve_page
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from writers import draw

from mnist_etc.service.keys import add_key

AXE = Path(__file__).parent / "axe-core/axe.min.js.gz"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paged]:
    with serve_page(tmp_path_factory.mktemp("page")) as served:
        yield served


def test_a_three_that_is_drawn_reads_three_and_shows_what_is_behind_it(page: Page, service: Paged) -> None:
    page.goto(service.url)
    expect(page.locator("#hint")).to_be_visible()
    pen(page, hand(3))
    reads(page, 3)
    expect(page.locator("#seen")).to_be_visible()
    expect(page.locator("#confidence-words")).to_contain_text("% sure")
    expect(page.locator("#model")).to_contain_text("pretrained")
    cards = page.locator("#cards li")
    expect(page.locator("#leak-state")).to_contain_text("The longer the bar")
    expect(cards.nth(0)).to_contain_text("What the model saw")
    assert "The raw scores" in cards.nth(1).inner_text()
    assert "The digit alone" in cards.last.inner_text()
    assert page.locator(".note").inner_text() == "This service's own"
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#digit")).to_have_text("?")
    expect(cards).to_have_count(0)


def test_an_image_is_chosen_and_another_dropped(page: Page, service: Paged, tmp_path: Path) -> None:
    path = tmp_path / "seven.png"
    Image.fromarray(draw(7, HAND, np.random.default_rng(2))).save(path)
    page.goto(service.url)
    page.locator("#file").set_input_files(path)
    reads(page, 7)
    expect(page.locator("#hint")).to_have_text("seven.png")
    nought = io.BytesIO()  # not the first file anew: the page may still be sending that to the attack
    Image.fromarray(draw(0, HAND, np.random.default_rng(2))).save(nought, format="PNG")
    transfer = page.evaluate_handle(
        """text => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], "nought.png", { type: "image/png" }));
            return transfer;
        }""",
        base64.b64encode(nought.getvalue()).decode(),
    )
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    reads(page, 0)
    assert page.locator("#photo").get_attribute("capture") == "environment"


def test_a_seven_is_drawn_with_the_keyboard_alone(page: Page, service: Paged) -> None:
    page.goto(service.url)
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(page.locator("#pad")).to_be_focused()
    keys = page.keyboard
    for key, times in (("ArrowLeft", 5), ("ArrowUp", 8), (" ", 1), ("ArrowRight", 10)):
        for _ in range(times):
            keys.press(key)
    expect(page.locator("#pad-state")).to_have_text("Pen down")
    for at in range(16):
        keys.press("ArrowDown")
        if at % 3 == 1:
            keys.press("ArrowLeft")
    keys.press(" ")
    reads(page, 7)
    keys.press("Backspace")
    expect(page.locator("#digit")).to_have_text("?")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_in_light_and_dark(browser: Browser, service: Paged, scheme: Literal["light", "dark"]) -> None:
    """No scrolling aside from 320 pixels on; nothing that axe objects to, at a phone's and at a laptop's width."""
    context = browser.new_context(
        viewport={"width": 320, "height": 640}, color_scheme=scheme, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    faults = watched(page)
    page.goto(service.url)
    pen(page, hand(3))
    reads(page, 3)
    expect(page.locator("#cards li").nth(3)).to_be_visible()
    expect(page.get_by_text("Take a photo")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.evaluate(gzip.decompress(AXE.read_bytes()).decode())
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        assert len(found["passes"]) > 20
        assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
    assert not faults
    context.close()


def test_a_finger_draws(browser: Browser, service: Paged) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 812}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(service.url)
    box = page.locator("#pad").bounding_box()
    assert box
    touch = context.new_cdp_session(page)
    (stroke,) = hand(1)
    for at, (x, y) in enumerate(stroke):
        place = {"x": box["x"] + box["width"] * x / 280, "y": box["y"] + box["width"] * y / 280}
        kind = "touchMove" if at else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    reads(page, 1)
    assert page.evaluate("scrollY") == 0
    context.close()


def test_refusals_are_said_kindly(browser: Browser, tmp_path: Path) -> None:
    """No attack prepared, no image, an empty one, and a service that is gone."""
    context = browser.new_context()
    page = context.new_page()
    with serve_page(tmp_path, "service.reconstruct=false") as served:
        page.goto(served.url)
        pen(page, hand(3))
        reads(page, 3)
        expect(page.locator("#leak-state")).to_contain_text("shows no attack")
        page.locator("#file").set_input_files(
            {"name": "a.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n"}
        )
        expect(page.locator("#sentence")).to_contain_text("cannot be read")
        page.locator("#file").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"3"})
        expect(page.locator("#sentence")).to_contain_text("no image")
        empty = draw(1, HAND, np.random.default_rng(0)) * np.uint8(0)
        Image.fromarray(empty).save(tmp_path / "empty.png")
        page.locator("#file").set_input_files(tmp_path / "empty.png")
        expect(page.locator("#sentence")).to_contain_text("No digit was found")
    pen(page, hand(3))
    expect(page.locator("#sentence")).to_contain_text("does not answer")
    context.close()


def test_the_page_opens_without_a_key_and_asks_for_one(browser: Browser, tmp_path: Path) -> None:
    key = add_key(tmp_path / "keys.json", "me", None)
    context = browser.new_context()
    page = context.new_page()
    with serve_page(tmp_path) as served:
        page.goto(served.url)
        pen(page, hand(3))
        page.get_by_label("asks for a key").fill(key)
        page.keyboard.press("Enter")
        reads(page, 3)
        expect(page.locator("#key-form")).to_be_hidden()
        assert httpx.get(f"{served.url}v1/models").status_code == 401
    context.close()


def test_the_files_are_sent_once_and_run_nothing_of_anybody_else(service: Paged) -> None:
    with httpx.Client(base_url=service.url) as client:
        page = client.get("/")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert " 'unsafe-eval'" not in policy
        assert "style=" not in page.text
        assert "http://" not in page.text
        assert "https://" not in page.text
        address = "/static/vendor/onnxruntime-web/ort-wasm-simd-threaded.wasm"
        packed = client.get(address)
        assert (packed.headers["content-type"], packed.headers["content-encoding"]) == ("application/wasm", "gzip")
        plain = client.get(address, headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert packed.content == plain.content
        assert client.get(address, headers={"If-None-Match": packed.headers["etag"]}).status_code == 304
        for path in ("/static/index.html", "/static/../page.py", "/static/..%2fpage.py", "/static/", "/static/%00"):
            assert client.get(path).status_code == 404
