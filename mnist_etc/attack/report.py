"""What a study writes: its tables, its frontier and its contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.attack.by_confidence import ConfidenceRow, write_by_confidence
from mnist_etc.attack.results import Result, strongest, write_results
from mnist_etc.attack.tables import tables
from mnist_etc.files import inside, temporary, write_bytes

__all__ = ["write_report"]

Pictures = Sequence[tuple[str, NDArray[np.float32]]]
ROW_INCHES = 0.45
CAPTION_INCHES = 3.6
COLUMNS = 16
"""Images in a row of the sheet, at most."""
GRAY = 0.4
MARKERS = "o^sDv<>PX*hp8d"
"""Of policies, in turn."""
MARGIN = 0.005


def write_report(
    folder: Path, results: Sequence[Result], pictures: Pictures, confidences: Sequence[ConfidenceRow]
) -> None:
    """Write ``attacks.csv``, ``confidence.csv``, ``attacks.md``, ``frontier.png`` and ``sheet.png`` into ``folder``.

    Args:
        folder: made if need be.
        results: of every attack.
        pictures: captions and images ``(n, side, side)`` in [0, 1], a row of the sheet each.
        confidences: of the strongest attack under each policy.

    Raises:
        ArtifactError: a file cannot be written.
    """
    write_results(folder, results)
    write_by_confidence(folder, confidences)
    write_bytes(inside(folder, "attacks.md"), tables(results, confidences).encode())
    _frontier(inside(folder, "frontier.png"), strongest(results))
    _sheet(inside(folder, "sheet.png"), pictures)


def _frontier(path: Path, best: Sequence[Result]) -> None:
    """The strongest attacker's error against what an answer is still worth; the more answers, the larger the mark."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    models, policies = (list(dict.fromkeys(names)) for names in zip(*((r.model, r.policy) for r in best), strict=True))
    marks = {policy: MARKERS[place % len(MARKERS)] for place, policy in enumerate(policies)}
    colors = {model: f"C{place}" for place, model in enumerate(models)}
    sizes = {answers: 5 + 3 * place for place, answers in enumerate(sorted({row.answers for row in best}))}
    figure = Figure(figsize=(13, 4.5), layout="constrained")
    right, sure = figure.subplots(1, 2)
    for row in best:
        style = {"fmt": marks[row.policy], "color": colors[row.model], "alpha": 0.6, "capsize": 2}
        style |= {"markersize": sizes[row.answers]}
        right.errorbar(row.of_floor, row.accuracy, xerr=row.of_floor_half, **style)
        sure.errorbar(row.of_floor, row.calibration_error, xerr=row.of_floor_half, **style)
    accuracies = [row.accuracy for row in best]
    right.set_ylim(min(accuracies) - MARGIN, max(accuracies) + MARGIN)
    right.set_ylabel("accuracy")
    sure.set_ylabel("expected calibration error")
    for axes in (right, sure):
        axes.set_xlabel("strongest attacker's MSE over that from the label alone")
        axes.grid(alpha=0.3)
    figure.legend(
        handles=[
            *(Line2D([], [], color="0.3", marker=mark, linestyle="", label=policy) for policy, mark in marks.items()),
            *(
                Line2D([], [], color="0.3", marker="o", linestyle="", markersize=size, label=f"answers: {answers}")
                for answers, size in sizes.items()
            ),
            *(Line2D([], [], color=color, linewidth=6, label=model) for model, color in colors.items()),
        ],
        loc="outside right center",
        fontsize=8,
    )
    with temporary(path) as unfinished:
        figure.savefig(unfinished, dpi=150)


def _sheet(path: Path, pictures: Pictures) -> None:
    """A row of images for each caption, or as many rows as it takes where there are more than `COLUMNS` images."""
    from matplotlib.figure import Figure

    count = len(pictures[0][1])
    rows = -(-count // COLUMNS)
    columns, height = -(-count // rows), 1 / len(pictures)
    figure = Figure(figsize=(CAPTION_INCHES + ROW_INCHES * columns, ROW_INCHES * rows * len(pictures)))
    left = CAPTION_INCHES / figure.get_figwidth()
    for line, (caption, images) in enumerate(pictures):
        bottom = 1 - (line + 1) * height
        figure.text(0.01, bottom + 0.5 * height, caption, va="center", fontsize=7)
        axes = figure.add_axes((left, bottom, 1 - left, height))
        axes.imshow(_wrapped(images, rows, columns), cmap="gray", vmin=0, vmax=1, aspect="auto")
        axes.axis("off")
    with temporary(path) as unfinished:
        figure.savefig(unfinished, dpi=150)


def _wrapped(images: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Framed ``images`` ``(n, side, side)`` as one picture of so many rows and columns, white behind the last."""
    framed = np.pad(images, [(0, 0), (1, 1), (1, 1)], constant_values=GRAY)
    whole = np.pad(framed, [(0, rows * columns - len(framed)), (0, 0), (0, 0)], constant_values=1)
    side = whole.shape[1]
    return np.asarray(whole.reshape(rows, columns, side, side).swapaxes(1, 2).reshape(rows * side, columns * side))
