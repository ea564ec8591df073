"""What a classification came to: accuracy, speed, warnings; for a person and as JSON."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from mnist_etc.data.inputs import EMPTY, SEVERAL, Batch
from mnist_etc.evaluation.confusion import ConfusionMatrix
from mnist_etc.inference.labels import Labeled, Labeler
from mnist_etc.inference.table import Answers

__all__ = ["ALL_SHOWN", "SCHEMA", "UNFAMILIAR", "Summary"]

UNFAMILIAR = "unfamiliar"
"""Warning: the image is far from what the model was trained on."""
WORDS = {
    EMPTY: "no figure was found, so there is no answer",
    UNFAMILIAR: "far from the training data, so the answer means little",
    SEVERAL: "several figures were found, the main one is answered; split=true answers each",
}
ALL_SHOWN = 20
"""Classes up to which each has a line in the terminal."""
WORST = 10
"""Of more classes, those that do."""
SCHEMA = "mnist_etc/summary/1"
"""The form of the JSON, which changes with its fields."""


ADDED = ("images", "bad", "fewer", "seconds")
"""Numbers of a summary that add up over parts."""


@dataclass
class Summary:
    """Counts over the images so far."""

    names: Sequence[str]
    """Of the model's classes."""
    top: int = 1
    """Classes that an answer was asked to name."""
    warnings: Counter[str] = field(default_factory=Counter)
    images: int = 0
    bad: int = 0
    """Images that could not be read."""
    fewer: int = 0
    """Answers that name fewer classes than were asked for."""
    seconds: float = 0.0
    """Time spent in the model, reading and writing not counted."""

    def __post_init__(self) -> None:
        """Begin with no image."""
        self.confusion = ConfusionMatrix(self.names)

    def add(self, batch: Batch, answered: Answers, labeled: Labeled | None, seconds: float) -> None:
        """Count one batch, whose answers took the model ``seconds``."""
        self.images += len(batch.images)
        self.bad += len(batch.failures)
        self.seconds += seconds
        self.warnings.update(filter(None, batch.warnings))
        if answered.following:
            last = answered.following[min(self.top, len(self.names)) - 2][0]
            self.fewer += sum(one is None for one in last) - answered.predicted.count(None)
        if labeled is not None:
            known = labeled.numbers >= 0
            predicted = np.array([-1 if one is None else one for one in answered.classes], np.int64)
            self.confusion.add(labeled.numbers[known], predicted[known])

    def counts(self) -> dict[str, Any]:
        """All counts as plain JSON types, for `restore`."""
        labels, predicted = np.nonzero(self.confusion.counts)
        cells = zip(labels.tolist(), predicted.tolist(), self.confusion.counts[labels, predicted].tolist(), strict=True)
        return {**{key: getattr(self, key) for key in ADDED}, "warnings": dict(self.warnings), "cells": [*cells]}

    def restore(self, counts: Mapping[str, Any]) -> None:
        """Add what `counts` gave."""
        for key in ADDED:
            setattr(self, key, getattr(self, key) + counts[key])
        self.warnings.update(counts["warnings"])
        for label, predicted, count in counts["cells"]:
            self.confusion.counts[label, predicted] += count

    @property
    def labeled(self) -> int:
        """Images whose label is a class of the model."""
        return int(self.confusion.counts.sum())

    def show(self, labeler: Labeler, rest: str) -> None:
        """Print accuracy, accuracy by class, images per second and the warnings.

        Args:
            labeler: gave the labels.
            rest: says where all classes are, for where they are too many.
        """
        accuracy = self.confusion.accuracy()
        if accuracy:
            interval = f"95 % interval {accuracy.low:.4f} to {accuracy.high:.4f}"
            print(f"accuracy {accuracy.value:.4f} on {self.labeled:,} images ({interval})")
            self._show_classes(rest)
        else:
            print(f"accuracy unknown: {labeler.phrase or 'no labels with these images'}")
        for complaint in labeler.complaints:
            print(f"labels: {complaint}", file=sys.stderr)
        print(f"{self.images:,} images at {self.images / self.seconds:,.0f} images/s")
        if self.bad:
            print(f"skipped {self.bad:,} of {self.images + self.bad:,} images; each is named above", file=sys.stderr)
        for warning, count in self.warnings.items():
            print(f"{count:,} of {self.images:,} images: {WORDS[warning]} (warning {warning!r} in the file)")
        if self.fewer:
            print(
                f"{self.fewer:,} of {self.images:,} images: fewer than {self.top} classes are named, since the "
                "rest are told as equally probable"
            )

    def _show_classes(self, rest: str) -> None:
        matrix = self.confusion
        shown, width = list(range(len(self.names))), max(map(len, self.names))
        if len(self.names) > ALL_SHOWN:
            order = np.argsort(matrix.recall, kind="stable")  # NaN, of no image, stands last
            shown = order[:WORST].tolist()
            print(f"the {len(shown)} classes of the lowest recall; all {len(self.names):,}: {rest}")
        figures = matrix.images, matrix.recall, matrix.precision
        images, recall, precision = figures
        for number in shown:
            line = f"{recall[number]:.4f} of {images[number]:,}" if images[number] else "no image"
            told = "" if np.isnan(precision[number]) else f", precision {precision[number]:.4f}"
            print(f"  class {self.names[number]}: " + " " * (width - len(self.names[number])) + line + told)

    def content(self, labeler: Labeler) -> dict[str, Any]:
        """State all of it for JSON; docs/answers.md tells the fields."""
        matrix = self.confusion
        accuracy = matrix.accuracy()
        figures = (matrix.images, matrix.correct, matrix.predicted)
        classes = [
            {
                "class": number,
                "name": name,
                "images": images,
                "correct": correct,
                "predicted": predicted,
                "recall": correct / images if images else None,
                "precision": correct / predicted if predicted else None,
            }
            for number, (name, images, correct, predicted) in enumerate(
                zip(self.names, *(one.tolist() for one in figures), strict=True)
            )
        ]
        return {
            "images": self.images,
            "skipped": self.bad,
            "seconds": self.seconds,
            "images_per_second": self.images / self.seconds,
            "warnings": {warning: self.warnings[warning] for warning in WORDS},
            "labeled": self.labeled,
            "unlabeled": self.images - self.labeled - labeler.unknown.total(),
            "unknown_labels": dict(labeler.unknown),
            "accuracy": accuracy and asdict(accuracy),
            "classes": classes,
            "errors": [
                {"label": label, "predicted": predicted, "images": images}
                for label, predicted, images in matrix.errors()
            ],
        }
