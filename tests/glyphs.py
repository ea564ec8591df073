"""A dataset of 47 classes drawn from the fonts that come with matplotlib, with names as people give them.

Much like the 47 classes of EMNIST or a folder of Chars74K: digits, capitals, and eleven names that want care, since
they hold a space, a comma, quotes, letters of other scripts, or differ from another in their case alone.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mnist_etc.data.dataset import Split

__all__ = ["NAMES", "draw_glyph", "draw_split", "write_folder"]

AWKWARD = {
    "a b": "ab",
    "x, y": "xy",
    'say "hi"': "hi",
    "Ä": "Ä",
    "ß": "ß",
    "π": "π",
    "Ж": "Ж",
    "a": "a",
    "#": "#",
    "dots..": "?",
    "=1+1": "&",
}
"""What is drawn, by the name."""
NAMES = (*"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", *AWKWARD)
"""47, all different; in no particular order."""
FONTS = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif-Italic.ttf")
ZOOM = 4
TILT = 8
"""Degrees, at most, either way."""


def draw_glyph(name: str, generator: np.random.Generator, side: int = 28) -> NDArray[np.uint8]:
    """Draw one image of a class: light on dark, uint8 ``(side, side)``, in a random font, size, place and tilt."""
    large = side * ZOOM
    font = _font(str(generator.choice(FONTS)), round(large * generator.uniform(0.5, 0.68)))
    place = large / 2 + generator.uniform(-0.05, 0.05, 2) * large
    canvas = Image.new("L", (large, large))
    ImageDraw.Draw(canvas).text(tuple(place), AWKWARD.get(name, name), fill=255, font=font, anchor="mm")
    tilted = canvas.rotate(generator.uniform(-TILT, TILT), Image.Resampling.BILINEAR)
    return np.asarray(tilted.resize((side, side), Image.Resampling.BOX))


def draw_split(count: int, names: Sequence[str] = NAMES, *, side: int = 28, seed: int = 0) -> Split:
    """Draw ``count`` images of each class, as a split of those names."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(names)), count)
    pictures = np.stack([draw_glyph(names[label], generator, side) for label in labels])
    return Split(pictures, labels, names=tuple(names))


def write_folder(
    root: Path, train: int = 12, test: int = 3, names: Sequence[str] = NAMES, *, side: int = 28, seed: int = 0
) -> Path:
    """Write ``<root>/{train,test}/<name>/<number>.png``, so many of each class, for ``data=folder``; return ``root``.

    ``data.prepare=none`` takes them as they are.
    """
    for number, (part, count) in enumerate((("train", train), ("test", test))):
        split = draw_split(count, names, side=side, seed=seed + number)
        for place, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            folder = root / part / names[label]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{place % count}.png")
    return root


@cache
def _font(file: str, size: int) -> ImageFont.FreeTypeFont:
    (package,) = importlib.util.find_spec("matplotlib").submodule_search_locations
    return ImageFont.truetype(Path(package) / "mpl-data/fonts/ttf" / file, size)
