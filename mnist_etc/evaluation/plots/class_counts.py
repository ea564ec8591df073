"""How many labels of each class were paid for: bars, and the same as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_etc.evaluation.lettering import font_of, shown_names
from mnist_etc.evaluation.markdown import escape, table
from mnist_etc.evaluation.plots.canvas import BLUE, DPI, GRAY, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["class_counts_table", "plot_class_counts"]

Counts = Mapping[str, NDArray[np.int64]]
"""By what a set of labels is called, ``(classes,)``: how many of each class are in it."""
ENDS = 25
"""Classes at either end that are drawn where there are more than twice as many."""
COLUMNS = 6
"""Sets side by side."""
ROW, COLUMN, ABOVE, BELOW, GAP, WORDS = 0.19, 1.35, 0.3, 0.3, 0.25, 0.3
"""Inches: of a class, of a set's bars, around them, and above all of it."""
POINTS = 8
"""Of a name's letters."""


def plot_class_counts(path: Path, counts: Counts, names: Sequence[str]) -> None:
    """Write for each set of labels a bar a class, with its count, as PNG; dashed is what an even set would have.

    Of more than fifty classes the 25 with most labels and the 25 with fewest, in all sets together, are drawn.

    Args:
        path: where to.
        counts: of one set or more.
        names: of the classes.

    Raises:
        ArtifactError: it cannot be written.
    """
    from matplotlib.ticker import NullLocator

    chosen = _chosen(counts, len(names))
    shown = shown_names(names)
    words = [shown[one] for one in chosen]
    left = max(map(font_of(round(POINTS * DPI / 72)).getlength, words)) / DPI + GAP
    columns = min(COLUMNS, len(counts))
    rows = -(-len(counts) // columns)
    panel = ABOVE + ROW * len(chosen) + BELOW
    width, height = max(left + columns * (COLUMN + GAP), 3.5), WORDS + rows * panel
    with canvas(path, width, height, arranged=False) as figure:
        for place, (name, of_set) in enumerate(counts.items()):
            line, column = divmod(place, columns)
            bottom = height - WORDS - (line + 1) * panel + BELOW
            size = ROW * len(chosen)
            axes = figure.add_axes(
                ((left + column * (COLUMN + GAP)) / width, bottom / height, COLUMN / width, size / height)
            )
            _bars(axes, of_set[chosen], int(of_set.sum()) / len(names))
            axes.set_title(_cut(f"{name}: {int(of_set.sum()):,}"), fontsize=POINTS, loc="left", pad=3)
            axes.set_yticks(range(len(chosen)), words if column == 0 else [""] * len(chosen))
            axes.set_ylim(len(chosen) - 0.5, -0.5)
            axes.xaxis.set_major_locator(NullLocator())
            axes.tick_params(axis="y", length=0, labelsize=POINTS)
        title = "labels of each class; dashed: as many of each"
        part = f"\nthe {ENDS} classes with most labels, and the {ENDS} with fewest, of {len(names):,}"
        figure.text(0.08 / width, 1 - 0.06 / height, title + part * (len(chosen) < len(names)), va="top", fontsize=9)


def class_counts_table(counts: Counts, names: Sequence[str]) -> str:
    """The same counts in Markdown: a row a class, a column a set, and their sums."""
    rows = [[escape(name), *(f"{of_set[label]:,}" for of_set in counts.values())] for label, name in enumerate(names)]
    sums = ["all", *(f"{int(of_set.sum()):,}" for of_set in counts.values())]
    return table(["class", *map(escape, counts)], [*rows, sums], len(counts))


def _chosen(counts: Counts, classes: int) -> list[int]:
    """The classes that are drawn, from the top down."""
    if classes <= 2 * ENDS:
        return list(range(classes))
    order = np.argsort(-np.sum(list(counts.values()), axis=0), kind="stable").tolist()
    return [*order[:ENDS], *order[-ENDS:]]


def _bars(axes: Axes, counts: NDArray[np.int64], even: float) -> None:
    most = max(int(counts.max()), even, 1)
    axes.barh(range(len(counts)), counts, 0.7, color=BLUE, alpha=0.7)
    for line, count in enumerate(counts.tolist()):
        words = axes.text(count + 0.03 * most, line, f"{count:,}", va="center", fontsize=POINTS - 1)
        words.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.2})
    axes.axvline(even, color=GRAY, linewidth=1, linestyle="--", zorder=0)
    axes.set_xlim(0, 1.3 * most)
    axes.spines["bottom"].set_visible(False)


def _cut(words: str) -> str:
    """As wide as a set's bars."""
    longest = 26
    return words if len(words) <= longest else f"...{words[3 - longest :]}"
