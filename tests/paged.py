"""The page's service in a thread of the tests, and a hand that draws on the page."""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect
from served import service_config
from writers import CANVAS, Points, Writer, write

from mnist_etc.service.app import create_app
from mnist_etc.service.server import build_server, listen

__all__ = ["HAND", "Paged", "hand", "pen", "picture_of", "reads", "serve_page"]

HAND = Writer(shapes=(0,) * 10, slant=0.1, breadth=0.75, turn=0, size=0.65, pen=16, unsteady=0.012)


@dataclass
class Paged:
    """A service that answers."""

    url: str
    bodies: list[bytes] = field(default_factory=list)
    """What came in requests, part by part."""


@contextmanager
def serve_page(folder: Path, *words: str) -> Iterator[Paged]:
    """Serve the packaged network, or what ``folder`` publishes, until the block ends; the words are of the command."""
    config = service_config(folder, *words)
    listener = listen(config)
    app = create_app(config)
    served = Paged(f"http://127.0.0.1:{listener.getsockname()[1]}/")

    async def heard(scope: Any, receive: Any, send: Any) -> None:
        async def listened() -> Any:
            message = await receive()
            served.bodies += [message["body"]] if message.get("body") else []
            return message

        await app(scope, listened, send)

    heard.state = app.state  # type: ignore[attr-defined]
    server = build_server(heard, config, listener)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    yield served
    server.should_exit = True
    thread.join(20)
    listener.close()


def picture_of(address: str) -> NDArray[np.uint8]:
    """The gray image in a data: URL."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("L"))


def hand(digit: int, seed: int = 5) -> list[Points]:
    """Strokes of a digit, easy to read."""
    return write(digit, HAND, np.random.default_rng(seed))


def pen(page: Page, strokes: list[Points]) -> None:
    """Draw with the mouse."""
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    assert box
    scale = box["width"] / CANVAS
    for stroke in strokes:
        places = [(box["x"] + scale * x, box["y"] + scale * y) for x, y in stroke[::2]]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place)
        page.mouse.up()


def reads(page: Page, digit: int) -> None:
    """Wait for that answer."""
    expect(page.locator("#digit")).to_have_text(str(digit), timeout=30_000)
