"""Digits drawn in the format of the service's page: ``python benchmarks/drawings.py``.

120 writers who do not exist draw each digit once (``tests/writers.py``: their own shapes, slants, pens and unsteady
hands; 280x280, black on white; nothing of it had a part in any training). Each drawing goes through the preparation of
the service to the network that comes with the package. Then twelve are drawn with the mouse on the page, in Chromium.
Writes ``benchmarks/results/drawings.md`` and, where a folder is named, the drawings that were misread.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from common import ROOT, machine, progress, table, versions, write_results
from numpy.typing import NDArray
from PIL import Image

sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from writers import Writer, ink, write  # noqa: E402

from mnist_etc.data.config import Prepare  # noqa: E402
from mnist_etc.data.prepare import prepare  # noqa: E402
from mnist_etc.predictor import Predictor  # noqa: E402
from mnist_etc.pretrained import verify  # noqa: E402

PENS = ((0, 10, "thin pen, under 10 pixels"), (10, 20, "10 to 20 pixels"), (20, 99, "broad pen, over 20 pixels"))
SIZES = ((0.0, 0.5, "small, under half the canvas"), (0.5, 1.0, "large"))


def main() -> None:
    """Draw, read and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, default=120)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--page", type=int, default=12, help="drawn in Chromium; 0: none")
    parser.add_argument("--misread", type=Path, help="folder for the drawings that were misread")
    arguments = parser.parse_args()
    generator = np.random.default_rng(arguments.seed)
    writers = [Writer.by_chance(generator) for _ in range(arguments.writers)]
    digits = np.tile(np.arange(10), len(writers))
    strokes = [write(digit, writer, generator) for writer in writers for digit in range(10)]
    by = [writer for writer in writers for _ in range(10)]
    canvases = [ink(lines, writer.pen) for lines, writer in zip(strokes, by, strict=True)]
    seen = prepared(canvases)
    told = Predictor(verify()[0], 1).logits(seen).argmax(axis=1)
    right = told == digits
    rows = [row(f"all {len(digits):,}", right)]
    rows += groups(right, np.array([writer.pen for writer in by]), PENS, "pen")
    rows += groups(right, np.array([writer.size for writer in by]), SIZES, "size")
    rows += [row(f"digit {digit}", right[digits == digit]) for digit in range(10)]
    confused = Counter(f"{digit} as {other}" for digit, other in zip(digits[~right], told[~right], strict=True))
    if arguments.misread:
        save(arguments.misread, canvases, seen, digits, told)
    parts = [
        table(["drawings", "read right"], rows),
        "Misread: " + (", ".join(f"{what}, {count} times" for what, count in confused.most_common()) or "none") + ".",
    ]
    if arguments.page:
        chosen = generator.permutation(len(strokes))[: arguments.page]
        page = on_the_page([(int(digits[at]), strokes[at], by[at].pen) for at in chosen])
        parts.append(f"Drawn with the mouse on the page, in Chromium, and read by it: {page} of {len(chosen)}.")
    facts = {
        "drawings": f"{arguments.writers} writers, each digit once, seed {arguments.seed}",
        "machine": machine(),
        "versions": versions("numpy", "onnxruntime", "pillow", "scipy"),
    }
    write_results("drawings", "Digits drawn on the page's canvas", facts, *parts)


def prepared(canvases: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """What the model sees of each, ``(n, 28, 28)``."""
    seen = np.zeros((len(canvases), 28, 28), np.uint8)
    for at, canvas in enumerate(canvases):
        found = prepare(canvas, Prepare.auto)
        if len(found.images):
            seen[at] = found.images[found.main]
        if at % 200 == 0:
            progress(f"{at:,} of {len(canvases):,}")
    return seen


def row(name: str, right: NDArray[np.bool_]) -> list[str]:
    """A share with its count."""
    return [name, f"{100 * right.mean():.2f} % ({right.sum():,} of {len(right):,})"]


def groups(
    right: NDArray[np.bool_], values: NDArray[np.float64], places: tuple[tuple[float, float, str], ...], what: str
) -> list[list[str]]:
    """A row for each range that occurs."""
    inside = [(name, (values >= low) & (values < high)) for low, high, name in places]
    return [row(f"{what}: {name}", right[chosen]) for name, chosen in inside if chosen.any()]


def save(
    folder: Path,
    canvases: list[NDArray[np.uint8]],
    seen: NDArray[np.uint8],
    digits: NDArray[np.int64],
    told: NDArray[np.int64],
) -> None:
    """Each misread drawing beside what the model saw of it."""
    folder.mkdir(parents=True, exist_ok=True)
    for at in np.flatnonzero(digits != told):
        beside = np.kron(seen[at], np.ones((10, 10), np.uint8))
        Image.fromarray(np.hstack([canvases[at], beside])).save(folder / f"{digits[at]}_as_{told[at]}_{at}.png")


def on_the_page(drawings: list[tuple[int, list[NDArray[np.float64]], float]]) -> int:
    """How many the page reads right, drawn with the mouse."""
    from browser import FLAGS, chromium
    from paged import pen, serve_page
    from playwright.sync_api import expect, sync_playwright

    right = 0
    with tempfile.TemporaryDirectory() as folder, serve_page(Path(folder)) as served, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1100})
        page.goto(served.url)
        shown = page.locator("#digit")
        for digit, strokes, width in drawings:
            page.locator("#pen").fill(str(round(width)))
            pen(page, strokes)
            expect(page.locator(".answer")).to_have_attribute("aria-busy", "false", timeout=30_000)
            right += shown.inner_text() == str(digit)
            page.get_by_role("button", name="Clear").click()
            expect(shown).to_have_text("?")
        browser.close()
    return right


if __name__ == "__main__":
    main()
