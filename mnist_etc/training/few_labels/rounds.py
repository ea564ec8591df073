"""What each round of questions came to: a line, a table, a curve, and what a tracker shows."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_etc.artifacts.run_folder import RunFolder
from mnist_etc.data.dataset import Split
from mnist_etc.files import temporary
from mnist_etc.tracking.tracker import Tracker

__all__ = ["Learned", "Reporter", "Round"]

Images = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Learned:
    """A classifier after a round of questions."""

    by: str
    """``regression`` or ``network``."""
    asked: Numbers
    """``(m,)``: places of the images whose labels it knows."""
    labels: Numbers
    """``(m,)``."""
    classify: Callable[[Images], Numbers]
    """Images uint8 ``(n, side, side)`` to classes ``(n,)``."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """A row of the table."""

    labels: int
    """Asked so far, those that are kept apart among them."""
    by: str
    """``regression`` or ``network``."""
    accuracy: float
    """On the test images, which decide nothing."""
    macro_f1: float
    """The mean over the classes of scikit-learn's F1 on the same."""
    counts: tuple[int, ...]
    """Labels of each class, in the order of the classes' numbers."""

    def line(self) -> str:
        """Of the progress."""
        counts = " ".join(map(str, self.counts))
        return (
            f"{self.labels:,} labels  {self.by:<10}  test accuracy {self.accuracy:.2%}  macro F1 {self.macro_f1:.4f}  "
            f"of each class {counts}"
        )


class Reporter:
    """Tells each round, and keeps it for the table.

    Args:
        test: images with labels, which are looked at for these figures alone.
        tracker: records them, a step a label.
        apart: labels that were asked, and are not learned from.
    """

    def __init__(self, test: Split, tracker: Tracker, *, apart: int) -> None:
        self._test, self._tracker, self._apart = test, tracker, apart
        self.rounds: list[Round] = []

    def report(self, learned: Learned) -> None:
        """Measure a classifier, say so, and record it."""
        from sklearn.metrics import f1_score

        test, predicted = self._test, learned.classify(self._test.images)
        counts = np.bincount(learned.labels, minlength=len(test.names))
        one = Round(
            labels=len(learned.asked) + self._apart,
            by=learned.by,
            accuracy=float(np.mean(predicted == test.labels)),
            macro_f1=float(f1_score(test.labels, predicted, average="macro", zero_division=0)),
            counts=tuple(int(count) for count in counts),
        )
        self.rounds.append(one)
        print(one.line(), flush=True)
        figures = {"accuracy": one.accuracy, "macro_f1": one.macro_f1}
        self._tracker.metrics({f"by_labels/{one.by}_{name}": value for name, value in figures.items()}, one.labels)

    def write(self, folder: RunFolder) -> None:
        """The table, as CSV.

        Raises:
            ArtifactError: it cannot be written.
        """
        _write(folder.rounds, self.rounds, self._test.names)

    def draw(self, folder: RunFolder, strategy: str) -> None:
        """The curve of accuracy over labels, and how many of each class were asked at the end, as pictures.

        Raises:
            ArtifactError: they cannot be written.
        """
        from mnist_etc.evaluation.plots.class_counts import plot_class_counts
        from mnist_etc.evaluation.plots.label_curve import plot_label_curve

        kinds = {one.by: f"{strategy}, {one.by}" for one in self.rounds}
        curves = {
            name: {one.labels: [one.accuracy] for one in self.rounds if one.by == by} for by, name in kinds.items()
        }
        plot_label_curve(folder.picture("labels"), curves)
        counts = {f"{one.labels:,} labels": np.array(one.counts) for one in self.rounds[-1:]}
        plot_class_counts(folder.picture("label_counts"), counts, self._test.names)


def _write(path: Path, rounds: Sequence[Round], names: Sequence[str]) -> None:
    with temporary(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["labels", "by", "accuracy", "macro_f1", *names])
        writer.writerows([one.labels, one.by, one.accuracy, one.macro_f1, *one.counts] for one in rounds)
