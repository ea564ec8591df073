"""Pictures of what the autoencoder makes of one image of each class."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mnist_etc.files import inside, temporary

__all__ = ["file_words", "first_of_each_class", "write_pairs", "write_samples"]

ZOOM = 4
GAP = 4
COLUMNS = 20
"""Of the sheet, at most."""
LONGEST = 50
"""Characters of a name of a class in that of a file."""


def first_of_each_class(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Index of the first image of every class that occurs, by class."""
    return np.unique(labels, return_index=True)[1]


def file_words(names: Sequence[str]) -> list[str]:
    """The names of classes as parts of the names of files: safe on every system, and different whatever their case.

    Letters, digits, "-" and "_" stay, anything else becomes "_". Those that would then be the same end in the number of
    their class.
    """
    words = [re.sub(r"[^\w-]", "_", name)[:LONGEST] for name in names]
    taken = Counter(word.casefold() for word in words)
    return [word if taken[word.casefold()] == 1 else f"{word}.{number}" for number, word in enumerate(words)]


def write_pairs(
    folder: Path,
    names: Sequence[str],
    originals: npt.NDArray[np.float32],
    rebuilt: npt.NDArray[np.float32],
) -> None:
    """Write ``orig_<class>.png`` and ``rec_<class>.png`` for each image, and all of them as ``sheet.png``.

    Args:
        folder: where to.
        names: of each image's class, as `file_words` gives it.
        originals: ``(n, side, side, 1)`` in [0, 1]; on the sheet above what is rebuilt, twenty side by side.
        rebuilt: the same shape; clipped to [0, 1].
    """
    rows = [_bytes(originals), _bytes(rebuilt)]
    for name, row in zip(("orig", "rec"), rows, strict=True):
        for word, image in zip(names, row, strict=True):
            _write(inside(folder, f"{name}_{word}.png"), image)
    _write(inside(folder, "sheet.png"), _sheet(rows, COLUMNS))


def write_samples(folder: Path, images: npt.NDArray[np.float32]) -> None:
    """Write images ``(n, side, side, 1)``, clipped to [0, 1], in a square as ``samples.png``.

    Args:
        folder: where to.
        images: that a decoder made of codes drawn by chance.
    """
    _write(inside(folder, "samples.png"), _sheet([_bytes(images)], math.ceil(math.sqrt(len(images)))))


def _sheet(rows: Sequence[npt.NDArray[np.uint8]], columns: int) -> npt.NDArray[np.uint8]:
    """Images ``(n, side, side)`` of each row, four times as large, at most so many side by side, below each other."""
    count, height, width = len(rows[0]), *(side * ZOOM + GAP for side in rows[0].shape[1:])
    lines, columns = len(rows) * -(-count // columns), min(count, columns)
    sheet = np.full((lines * height + GAP, columns * width + GAP), 96, np.uint8)
    for below, row in enumerate(rows):
        for number, image in enumerate(row):
            line, column = len(rows) * (number // columns) + below, number % columns
            top, left = GAP + line * height, GAP + column * width
            sheet[top : top + height - GAP, left : left + width - GAP] = image.repeat(ZOOM, 0).repeat(ZOOM, 1)
    return sheet


def _bytes(images: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    pixels: npt.NDArray[np.uint8] = np.rint(np.clip(images[..., 0], 0, 1) * 255).astype(np.uint8)
    return pixels


def _write(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    with temporary(path) as unfinished:
        Image.fromarray(pixels).save(unfinished)
