"""A picture of a confusion matrix, which holds every class by its name, however many there are."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from mnist_etc.evaluation.confusion import NO_ANSWER, ConfusionMatrix
from mnist_etc.files import temporary

__all__ = ["confusion_pixels", "draw_confusion", "write_confusion"]

SIZES = ((20, 44, 13), (60, 22, 11), (250, 14, 10), (1000, 9, 8))
"""Up to so many classes, pixels of a cell and of the text."""
COUNTS = 60
"""Classes up to which each count is written into its cell."""
LONGEST = 32
"""Characters of a name; the table beside the picture has all."""
GAP, DARK, GRID = 6, 110, 225
SOFTWARE = "mnist_etc"
"""What the file says that it was made by."""
FONT = "mpl-data/fonts/ttf/DejaVuSans.ttf"
"""Of matplotlib, whose font has Latin, Greek, Cyrillic, Arabic and more; matplotlib itself need not be loaded."""
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def write_confusion(path: Path, matrix: ConfusionMatrix, *, key: str) -> None:
    """Write the picture of ``matrix`` as PNG.

    Args:
        path: where to.
        matrix: counts of images.
        key: of the configuration, which chooses the folder; for messages.

    Raises:
        ArtifactError: it cannot be written.
    """
    origin = PngInfo()
    origin.add_text("Software", SOFTWARE)
    with temporary(path, key=key) as unfinished:
        draw_confusion(matrix).save(unfinished, compress_level=3, pnginfo=origin)


def confusion_pixels(
    names: Sequence[str], labels: NDArray[np.int64], predicted: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """The picture of what was predicted, both ``(n,)``, as gray pixels ``(height, width)``."""
    matrix = ConfusionMatrix(names)
    matrix.add(labels, predicted)
    return np.asarray(draw_confusion(matrix))


def draw_confusion(matrix: ConfusionMatrix) -> Image.Image:
    """Draw a row a label and a column a predicted class, the darker the greater the share of the label's images.

    The column of no answer is drawn where it counts any. Names that the font cannot show stand as the class's number.
    """
    counts = matrix.counts if matrix.counts[:, -1].any() else matrix.counts[:, :-1]
    cell, size = next((cell, size) for most, cell, size in SIZES if len(matrix.names) <= most)
    font = _font(size)
    missing = _missing(set("".join(matrix.names)), font)
    labels = [_shown(name, number, missing) for number, name in enumerate(matrix.names)]
    columns = [*labels, NO_ANSWER][: counts.shape[1]]
    rows, across = [_text(label, font) for label in labels], [_text(label, font) for label in columns]
    left = max(text.width for text in rows) + 2 * GAP
    top, caption = max(text.width for text in across) + 2 * GAP, size + 2 * GAP
    shares = _cells(counts, cell)
    said = _text(_caption(matrix), font)
    width = max(left + shares.width, GAP + said.width) + GAP
    sheet = Image.new("L", (width, caption + top + shares.height + GAP), 255)
    sheet.paste(said, (GAP, GAP))
    sheet.paste(shares, (left, caption + top))
    for number, text in enumerate(rows):
        sheet.paste(text, (left - GAP - text.width, caption + top + number * cell + (cell - text.height) // 2))
    for number, text in enumerate(across):
        upright = text.transpose(Image.Transpose.ROTATE_90)
        sheet.paste(upright, (left + number * cell + (cell - upright.width) // 2, caption + top - GAP - text.width))
    if len(matrix.names) <= COUNTS:
        _write_counts(ImageDraw.Draw(sheet), counts, cell, (left, caption + top))
    return sheet


def _caption(matrix: ConfusionMatrix) -> str:
    return f"rows: label, columns: predicted; {int(matrix.counts.sum()):,} images, {int(matrix.correct.sum()):,} right"


def _cells(counts: NDArray[np.int64], cell: int) -> Image.Image:
    """Squares whose darkness is the share of the row, each with a line of the grid at its right and lower edge."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    grays = np.where(counts > 0, 235 - 215 * np.sqrt(shares), 255).astype(np.uint8)  # a single image is seen too
    pixels = grays.repeat(cell, axis=0).repeat(cell, axis=1)
    pixels[cell - 1 :: cell] = np.minimum(pixels[cell - 1 :: cell], GRID)
    pixels[:, cell - 1 :: cell] = np.minimum(pixels[:, cell - 1 :: cell], GRID)
    return Image.fromarray(pixels)


def _write_counts(pen: ImageDraw.ImageDraw, counts: NDArray[np.int64], cell: int, corner: tuple[int, int]) -> None:
    sums = np.maximum(counts.sum(axis=1), 1)
    for row, column in zip(*map(np.ndarray.tolist, np.nonzero(counts)), strict=True):
        words = f"{counts[row, column]}"
        font = _font(max(6, min(13, round(1.5 * (cell - 2) / len(words)))))
        gray = 235 - 215 * float(np.sqrt(counts[row, column] / sums[row]))
        middle = (corner[0] + column * cell + cell // 2, corner[1] + row * cell + cell // 2)
        pen.text(middle, words, fill=255 if gray < DARK else 0, font=font, anchor="mm")


@cache
def _font(size: int) -> Font:
    found = importlib.util.find_spec("matplotlib")
    for folder in (found and found.submodule_search_locations) or ():
        if (path := Path(folder, FONT)).is_file():
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)


def _missing(characters: set[str], font: Font) -> set[str]:
    """Those that the font lacks, which are drawn as one empty box."""
    box = bytes(font.getmask("\uffff"))
    return {one for one in characters if not one.isascii() and bytes(font.getmask(one)) == box}


def _shown(name: str, number: int, missing: set[str]) -> str:
    """The name, cut where it is long, or the class's number where the font lacks a character of it."""
    if missing.intersection(name):
        return f"class {number}"
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."


def _text(words: str, font: Font) -> Image.Image:
    left, top, right, bottom = font.getbbox(words)
    image = Image.new("L", (max(1, round(right - left)), max(1, round(bottom - top))), 255)
    ImageDraw.Draw(image).text((-left, -top), words, fill=0, font=font)
    return image
