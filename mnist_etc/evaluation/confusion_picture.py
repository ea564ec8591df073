"""A picture of a confusion matrix, which holds every class by its name, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_etc.evaluation.confusion import NO_ANSWER, ConfusionMatrix
from mnist_etc.evaluation.lettering import font_of, shown_names, text_image, write_png

__all__ = ["confusion_pixels", "draw_confusion", "write_confusion"]

SIZES = ((20, 44, 13), (60, 22, 11), (250, 14, 10), (1000, 9, 8))
"""Up to so many classes, pixels of a cell and of the text."""
COUNTS = 60
"""Classes up to which each count is written into its cell."""
GAP, DARK, GRID = 6, 110, 225


def write_confusion(path: Path, matrix: ConfusionMatrix, *, key: str) -> None:
    """Write the picture of ``matrix`` as PNG.

    Args:
        path: where to.
        matrix: counts of images.
        key: of the configuration, which chooses the folder; for messages.

    Raises:
        ArtifactError: it cannot be written.
    """
    write_png(path, draw_confusion(matrix), key=key)


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
    font = font_of(size)
    labels = shown_names(matrix.names)
    columns = [*labels, NO_ANSWER][: counts.shape[1]]
    rows, across = [text_image(label, font) for label in labels], [text_image(label, font) for label in columns]
    left = max(text.width for text in rows) + 2 * GAP
    top, caption = max(text.width for text in across) + 2 * GAP, size + 2 * GAP
    shares = _cells(counts, cell)
    said = text_image(_caption(matrix), font)
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
        font = font_of(max(6, min(13, round(1.5 * (cell - 2) / len(words)))))
        gray = 235 - 215 * float(np.sqrt(counts[row, column] / sums[row]))
        middle = (corner[0] + column * cell + cell // 2, corner[1] + row * cell + cell // 2)
        pen.text(middle, words, fill=255 if gray < DARK else 0, font=font, anchor="mm")
