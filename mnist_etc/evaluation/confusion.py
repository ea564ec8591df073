"""Which classes a model takes for which, of images whose labels are known."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.files import temporary

__all__ = ["COLUMNS", "NO_ANSWER", "ConfusionMatrix", "Interval", "wilson"]

NO_ANSWER = "no answer"
"""What stands in the place of a predicted class where there was no figure to answer."""
COLUMNS = ("class", "name", "images", "correct", "recall", "low", "high", "predicted", "precision")
"""Of the table of classes."""
Z = 1.959963984540054
"""The 97.5th percentile of the normal distribution: of an interval of 95 %."""


@dataclass(frozen=True)
class Interval:
    """A share and the 95 % interval around it."""

    value: float
    low: float
    high: float


def wilson(hits: int, trials: int) -> Interval:
    """State ``hits`` of ``trials``, at least one, with Wilson's score interval of 95 %.

    It holds its level at few images too, and never leaves [0, 1]. Source: Wilson 1927, Journal of the American
    Statistical Association 22, 209-212.
    """
    share, square = hits / trials, Z * Z / trials
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(share * (1 - share) * square + square * square / 4) / (1 + square)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Interval(share, 0.0 if hits == 0 else low, 1.0 if hits == trials else high)


class ConfusionMatrix:
    """Counts of images by label and predicted class.

    Args:
        names: of the classes, in the order of their numbers.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.counts: NDArray[np.int64] = np.zeros((len(self.names), len(self.names) + 1), np.int64)
        """``(labels, predicted classes and, last, no answer)``."""

    def add(self, labels: NDArray[np.int64], predicted: NDArray[np.int64]) -> None:
        """Count images of which both numbers, ``(n,)``, are known; -1 is predicted where there is no answer."""
        np.add.at(self.counts, (labels, predicted), 1)

    @property
    def images(self) -> NDArray[np.int64]:
        """Of each label, ``(classes,)``."""
        return np.asarray(self.counts.sum(axis=1))

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Images that each class was predicted of, ``(classes,)``."""
        return np.asarray(self.counts[:, :-1].sum(axis=0))

    @property
    def correct(self) -> NDArray[np.int64]:
        """Images of each label that were predicted as it, ``(classes,)``."""
        return np.diagonal(self.counts).copy()

    @property
    def recall(self) -> NDArray[np.float64]:
        """Share of each label's images that were predicted as it, ``(classes,)``; NaN where it has no image."""
        return _share(self.correct, self.images)

    @property
    def precision(self) -> NDArray[np.float64]:
        """Share of each predicted class's images that are of it, ``(classes,)``; NaN where it was never predicted."""
        return _share(self.correct, self.predicted)

    def accuracy(self) -> Interval | None:
        """Share of all images that were predicted right; None where there is none."""
        images = int(self.counts.sum())
        return wilson(int(self.correct.sum()), images) if images else None

    def errors(self) -> list[tuple[str, str, int]]:
        """Label, predicted class and images of all that occur, by falling count; of no answer `NO_ANSWER`."""
        wrong = self.counts.copy()
        np.fill_diagonal(wrong, 0)
        rows, columns = np.nonzero(wrong)
        order = np.lexsort((columns, rows, -wrong[rows, columns]))
        columns_named = (*self.names, NO_ANSWER)
        return [
            (self.names[row], columns_named[column], int(wrong[row, column]))
            for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True)
        ]

    def write(self, path: Path, *, key: str) -> None:
        """Write all counts as CSV: a row a label, a column a predicted class, and a column for no answer.

        Args:
            path: where to.
            key: of the configuration, which chooses the folder; for messages.
        """
        with temporary(path, key=key) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["label", *self.names, NO_ANSWER])
            writer.writerows([name, *row] for name, row in zip(self.names, self.counts.tolist(), strict=True))

    def write_classes(self, path: Path, *, key: str) -> None:
        """Write a row a class as CSV: its images, how many are right, recall with its interval, precision.

        Args:
            path: where to.
            key: of the configuration, which chooses the folder; for messages.
        """
        with temporary(path, key=key) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            figures = zip(self.names, self.images.tolist(), self.correct.tolist(), self.predicted.tolist(), strict=True)
            for number, (name, images, correct, predicted) in enumerate(figures):
                shares = wilson(correct, images) if images else None
                recall = [f"{one:.6f}" for one in (shares.value, shares.low, shares.high)] if shares else [""] * 3
                precision = f"{correct / predicted:.6f}" if predicted else ""
                writer.writerow([number, name, images, correct, *recall, predicted, precision])


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
