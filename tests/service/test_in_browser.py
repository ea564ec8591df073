"""The model in the visitor's browser: the same preparation to the bit, the same answers, and nothing is sent."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import papers
import pytest
from numpy.typing import NDArray
from paged import Paged, hand, pen, picture_of, reads, serve_page
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect
from served import digit, encoded, publish
from writers import Writer, draw

from mnist_etc.data.config import Prepare
from mnist_etc.data.prepare import prepare
from mnist_etc.policy.registry import POLICIES
from mnist_etc.service.page import FOLDER

PREPARE = """async ({ texts, sizes }) => {
    const { prepare } = await import("/static/prepare/prepare.js");
    return texts.map((text, at) => {
        const data = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        const { image, several } = prepare({ data, height: sizes[at][0], width: sizes[at][1] });
        return { image: image && btoa(String.fromCharCode(...image.data)), several };
    });
}"""
CLASSIFY = """async ({ pictures }) => {
    const local = await import("/static/local.js");
    const loaded = await local.load(JSON.parse(document.documentElement.dataset.facts).policies, () => {});
    const told = [];
    for (const picture of pictures) {
        const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
        const blob = new Blob([bytes], { type: "image/png" });
        told.push(await local.classify(loaded, await local.pixelsOf(blob)));
    }
    return told;
}"""
NUMBERS = {"decimals": 2, "k": 3, "levels": 2, "epsilon": 2}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paged]:
    with serve_page(tmp_path_factory.mktemp("page")) as served:
        yield served


def drawings(count: int, seed: int) -> list[NDArray[np.uint8]]:
    generator = np.random.default_rng(seed)
    return [draw(at % 10, Writer.by_chance(generator), generator) for at in range(count)]


def odd_ones() -> list[NDArray[np.uint8]]:
    """Nothing, a dot, two figures, a box, ruling, a scribble from edge to edge, white on black, MNIST's form."""
    sheets = [Image.new("L", (280, 280), 255) for _ in range(6)]
    pens = [ImageDraw.Draw(sheet) for sheet in sheets]
    pens[1].ellipse((100, 90, 118, 108), fill=0)
    pens[2].line((40, 60, 40, 220), fill=0, width=16)
    pens[2].ellipse((120, 60, 240, 220), outline=0, width=16)
    pens[3].rectangle((30, 30, 250, 250), outline=0, width=5)
    pens[3].line([(100, 80), (180, 80), (130, 210)], fill=0, width=12)
    for y in range(20, 280, 40):
        pens[4].line((0, y, 280, y + 3), fill=120, width=2)
    pens[4].line([(100, 80), (180, 80), (130, 210)], fill=0, width=14)
    pens[5].line([(0, 0), (280, 280), (0, 280), (280, 0)], fill=0, width=30)
    (six,) = drawings(1, 9)
    return [*map(np.asarray, sheets), 255 - six, six[::2], digit(7), 255 - digit(7)]


def photographed() -> list[NDArray[np.uint8]]:
    return [
        kind(digit(number), np.random.default_rng([number, at]))
        for at, kind in enumerate(papers.KINDS.values())
        for number in (0, 7)[at % 2 :: 2]
    ]


def same(page: Page, pictures: list[NDArray[np.uint8]], *, least: int) -> None:
    """At least so many of the pictures are prepared as Python does, to the bit."""
    asked = {
        "texts": [base64.b64encode(picture.tobytes()).decode() for picture in pictures],
        "sizes": [picture.shape for picture in pictures],
    }
    found = page.evaluate(PREPARE, asked)
    ours = [prepare(picture, Prepare.auto) for picture in pictures]
    equal = []
    for one, other in zip(found, ours, strict=True):
        image = other.images[other.main].tobytes() if len(other.images) else None
        equal.append((one["image"] and base64.b64decode(one["image"])) == image)
        assert one["several"] == (len(other.images) > 1)
    assert sum(equal) >= least, np.flatnonzero(~np.array(equal))


def test_drawings_are_prepared_as_python_does_to_the_bit(page: Page, service: Paged) -> None:
    page.goto(service.url)
    same(page, drawings(10, 1), least=10)
    same(page, odd_ones(), least=10)
    same(page, photographed(), least=9)


def name_of(policy: str) -> str:
    number = POLICIES[policy].number
    return f"{policy}:{NUMBERS[number]}" if number else policy


@pytest.mark.parametrize("policy", [*POLICIES])
def test_every_policy_answers_as_the_service_does(page: Page, tmp_path: Path, policy: str) -> None:
    """Class and image the same, the probability to 1e-4; the packaged network and its graph of bytes."""
    publish(tmp_path, name_of(policy))
    files = [encoded(picture) for picture in [*drawings(1, 3), odd_ones()[0]]]
    with serve_page(tmp_path) as served:
        with httpx.Client(base_url=served.url) as client:
            answers = [client.post("/v1/classify?explain=true", content=file).json() for file in files]
        page.goto(served.url)
        pictures = [base64.b64encode(file).decode() for file in files]
        told = page.evaluate(CLASSIFY, {"pictures": pictures})
    assert answers[0]["policy"] == name_of(policy)
    for here, there in zip(told, answers, strict=True):
        (answer,) = there.pop("answers")
        assert (here["name"], here["policy"]) == (there["model"], there["policy"])
        assert {key: here[key] for key in ("class", "digit", "warning")} == {
            key: answer[key] for key in ("class", "digit", "warning")
        }
        assert here["probability"] == (answer["probability"] and pytest.approx(answer["probability"], abs=1e-4))
        assert np.array_equal(picture_of(here["image"]), picture_of(answer["image"]))
    assert told[-1]["warning"] == "empty"


def test_no_request_carries_the_image_and_none_is_needed_once_the_model_is_there(page: Page, service: Paged) -> None:
    page.goto(service.url)
    service.bodies.clear()
    asked: list[tuple[str, str]] = []
    page.on("request", lambda request: asked.append((request.method, request.url)))
    page.get_by_role("radio", name="In my browser").check(force=True)
    expect(page.locator("#mode-state")).to_contain_text("You could go offline now", timeout=60_000)
    assert {method for method, _ in asked} == {"GET"}
    assert {url.removeprefix(service.url).split("/")[0] for _, url in asked} == {"static", "v1"}
    assert all("?" not in url for _, url in asked)
    asked.clear()
    page.context.set_offline(True)
    pen(page, hand(3))
    reads(page, 3)
    expect(page.locator("#confidence-words")).to_contain_text("% sure")
    expect(page.locator("#leak-state")).to_contain_text("it was told nothing")
    assert asked == []
    assert service.bodies == []


def test_the_runtime_is_the_one_that_its_readme_names() -> None:
    folder = FOLDER / "vendor/onnxruntime-web"
    for name, stated in re.findall(r"\| (ort\S+) \| (\w{64}) \|", (folder / "README.md").read_text()):
        content = (folder / name).read_bytes()
        plain = gzip.decompress(content) if name.endswith(".gz") else content
        assert hashlib.sha256(plain).hexdigest() == stated
    assert len([*folder.iterdir()]) == 5
