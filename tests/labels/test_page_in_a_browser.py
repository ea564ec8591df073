"""The page as a person sees it, in a real browser against the real command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import PATIENCE, browser, page  # noqa: F401  fixtures
from PIL import Image
from playwright.sync_api import Page, expect
from sklearn.datasets import load_digits
from support import environment

from mnist_etc.labels.actions.job import ENDED
from mnist_etc.labels.rows import Event
from mnist_etc.labels.store import LabelStore

CLASSES = "[even,odd]"
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a database of twelve pictures of digits that have no labels."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "photos").mkdir()
    for index, digit in enumerate(load_digits().images[:12]):
        picture = Image.fromarray((255 - digit * 15).astype(np.uint8)).resize((64, 64))
        picture.save(folder / f"photos/{index:02}.png")
    words = ["labels", "init", "data=folder", "data.root=photos", f"data.classes={CLASSES}", "labels.budget=3"]
    subprocess.run([sys.executable, "-m", "mnist_etc", *words], cwd=folder, env=environment(), check=True)
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """Of the page of that database."""
    words = ["labels", "serve", "data=folder", "data.root=photos", "port=0", "batch=3", "who=ada"]
    command = [sys.executable, "-m", "mnist_etc", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, env=environment(), stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line.startswith("label on http://127.0.0.1:"), line
        yield line.split()[2]
        process.terminate()
        assert process.wait(20) == 143
        assert process.stderr.read() == f"terminated: {ENDED}\n"


def test_a_person_labels_with_the_keyboard(page: Page, address: str, folder: Path) -> None:  # noqa: F811
    store = LabelStore.open(f"sqlite:///{folder}/folder_labels.db")
    page.goto(address)
    image, told, reason = page.locator("#image"), page.locator("#told"), page.locator("#reason")
    expect(image).to_be_visible()
    expect(page.locator("#who")).to_have_value("ada")
    expect(reason).to_contain_text("strategy centers, score")
    expect(told).to_contain_text("0 of 3 labels paid, 3 left")
    assert image.evaluate("image => image.naturalWidth") == 64, "the picture as it was before its preparation"
    first = reason.inner_text()
    page.keyboard.press("1")
    expect(told).to_contain_text("1 of 3 labels paid")
    expect(reason).not_to_have_text(first)
    second = reason.inner_text()
    page.keyboard.press("s")
    expect(told).to_contain_text("1 skipped")
    page.keyboard.press("u")
    expect(told).to_contain_text("0 skipped")
    expect(reason).to_have_text(second)
    page.get_by_role("button", name="even").click()
    expect(told).to_contain_text("2 of 3 labels paid")
    page.keyboard.press("7")  # there is no such class
    page.locator("#who").fill("01us")  # letters of a name are no answers
    page.locator("#who").press("Tab")
    expect(page.locator("body")).to_have_attribute("aria-busy", "false")
    page.keyboard.press("0")
    expect(page.locator("#end")).to_have_text("The budget of 3 labels is spent.")
    assert [(row.event, row.who, row.answer) for row in store.rows() if row.event in (Event.answer, Event.skip)] == [
        (Event.answer, "ada", 1),
        (Event.skip, "ada", None),
        (Event.answer, "ada", 0),
        (Event.answer, "01us", 0),
    ]
    assert store.verify() == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_by_day_and_by_night(page: Page, address: str, scheme: str) -> None:  # noqa: F811
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(address)
    expect(page.locator("#end")).to_be_visible()
    for element in ("body", "#told", "#end", "#skip"):
        contrast = page.locator(element).evaluate(CONTRAST)
        assert contrast >= 4.5, (element, contrast)


CONTRAST = """element => {
  const light = (color) => color.match(/[\\d.]+/g).slice(0, 3)
    .map((one) => one / 255).map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, place) => sum + one * [0.2126, 0.7152, 0.0722][place], 0);
  const text = light(getComputedStyle(element).color);
  let behind = element;
  while (behind.parentElement && getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)")
    behind = behind.parentElement;
  const ground = light(getComputedStyle(behind).backgroundColor);
  return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
}"""
"""Of a text against what is behind it (WCAG 2.2, 1.4.3)."""
