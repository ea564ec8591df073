"""The accuracy of each class, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mnist_etc.evaluation.confusion import ConfusionMatrix, Interval, wilson
from mnist_etc.evaluation.lettering import font_of, shown_names
from mnist_etc.evaluation.plots.canvas import BLUE, DPI, GRAY, RED, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_classes"]

ROWS = 50
"""Classes in a column."""
ROW, COLUMN, ABOVE, BELOW, GAP = 0.19, 2.2, 0.55, 0.35, 0.25
"""Inches: of a class, of the axes, around them."""
POINTS = 8
"""Of a name's letters."""


def plot_classes(path: Path, matrix: ConfusionMatrix) -> None:
    """Write the share of each label's images that were predicted as it, with Wilson's interval of 95 %, as PNG.

    Each class has a line with its name; red are those whose interval lies below all images' accuracy. A class without
    images has a line without a mark.

    Raises:
        ArtifactError: it cannot be written.
    """
    images, correct = matrix.images.tolist(), matrix.correct.tolist()
    shares = [wilson(right, count) if count else None for right, count in zip(correct, images, strict=True)]
    names = [f"{name}  ({count:,})" for name, count in zip(shown_names(matrix.names), images, strict=True)]
    start = max(0.0, np.floor(20 * min((share.low for share in shares if share), default=0.0)) / 20 - 0.01)
    columns = -(-len(names) // ROWS)
    rows = -(-len(names) // columns)
    left = max(map(font_of(round(POINTS * DPI / 72)).getlength, names)) / DPI + GAP
    width, height = columns * (left + COLUMN) + GAP, ABOVE + BELOW + ROW * rows
    whole = matrix.accuracy()
    with canvas(path, max(width, 3.5), height, arranged=False) as figure:
        width = figure.get_figwidth()
        for column in range(columns):
            place = column * (left + COLUMN) + left
            axes = figure.add_axes((place / width, BELOW / height, COLUMN / width, ROW * rows / height))
            shown = slice(column * rows, (column + 1) * rows)
            _draw(axes, shares[shown], whole)
            axes.set_yticks(range(len(names[shown])), names[shown])
            axes.set_ylim(rows - 0.5, -0.5)
            axes.set_xlim(start, 1.01)
        words = "accuracy of each class (images)" + (f"\ndashed: all, {whole.value:.2%}" if whole else "")
        figure.text(0.08 / width, 1 - 0.08 / height, words, va="top")


def _draw(axes: Axes, shares: Sequence[Interval | None], whole: Interval | None) -> None:
    """The marks of some classes, from the top down."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    found = [(line, share) for line, share in enumerate(shares) if share]
    lines = [line for line, _ in found]
    colors = [RED if whole and share.high < whole.value else BLUE for _, share in found]
    axes.hlines(lines, [share.low for _, share in found], [share.high for _, share in found], colors, linewidth=1.2)
    axes.scatter([share.value for _, share in found], lines, 12, color=colors, zorder=3)
    axes.tick_params(axis="y", length=0, labelsize=POINTS)
    axes.tick_params(axis="x", labelsize=POINTS)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    axes.grid(axis="x", alpha=0.3)
    if whole:
        axes.axvline(whole.value, color=GRAY, linewidth=1, linestyle="--")
