"""What a classification came to: accuracy, speed, warnings."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.dataset import DIGITS
from mnist_etc.data.inputs import EMPTY, SEVERAL, Batch

__all__ = ["UNFAMILIAR", "Summary"]

UNFAMILIAR = "unfamiliar"
"""Warning: the image is far from what the model was trained on."""
WORDS = {
    EMPTY: "no figure was found, so there is no answer",
    UNFAMILIAR: "far from the training data, so the answer means little",
    SEVERAL: "several figures were found, the main one is answered; split=true answers each",
}

MANY, FEWEST = 20, 10
"""Classes: of more than so many, the accuracy of so few is printed."""


@dataclass
class Summary:
    """Counts over the images so far."""

    names: Sequence[str] = DIGITS
    """Of the classes."""
    correct: NDArray[np.int64] = field(init=False)
    """Images of each class that were predicted as it."""
    labeled: NDArray[np.int64] = field(init=False)
    """Images of each class."""
    warnings: Counter[str] = field(default_factory=Counter)
    images: int = 0
    bad: int = 0
    """Images that could not be read."""
    seconds: float = 0.0
    """Time spent in the model, reading and writing not counted."""

    def __post_init__(self) -> None:
        self.correct, self.labeled = np.zeros((2, len(self.names)), np.int64)

    def add(self, batch: Batch, predicted: NDArray[np.int64], seconds: float) -> None:
        """Count one batch, whose predicted classes are ``(n,)`` and took the model ``seconds``."""
        self.images += len(batch.images)
        self.bad += len(batch.failures)
        self.seconds += seconds
        self.warnings.update(filter(None, batch.warnings))
        if batch.labels is not None:
            known = batch.labels >= 0
            met = known & (batch.labels == predicted) & (np.array(batch.warnings) != EMPTY)
            self.labeled += np.bincount(batch.labels[known], minlength=len(self.names))
            self.correct += np.bincount(batch.labels[met], minlength=len(self.names))

    def _by_class(self) -> list[str]:
        """A line a class; of many classes those alone that were found least often."""
        shares = self.correct / np.maximum(self.labeled, 1)
        order = np.arange(len(self.names))
        if len(order) > MANY:
            order = np.argsort(np.where(self.labeled > 0, shares, np.inf), kind="stable")
        lines = [
            f"  class {self.names[number]}: "
            + (f"{shares[number]:.4f} of {self.labeled[number]:,}" if self.labeled[number] else "no image")
            for number in order[: FEWEST if len(order) > MANY else None]
        ]
        return lines + [f"  and {len(order) - FEWEST:,} more classes, found as often or more"] * (len(order) > MANY)

    def show(self) -> None:
        """Print accuracy, accuracy by class, images per second and the warnings."""
        labeled = int(self.labeled.sum())
        if labeled:
            print(f"accuracy {self.correct.sum() / labeled:.4f} on {labeled:,} images")
            print("\n".join(self._by_class()))
        else:
            print("accuracy unknown: no labels with these images")
        print(f"{self.images:,} images at {self.images / self.seconds:,.0f} images/s")
        if self.bad:
            print(f"skipped {self.bad:,} of {self.images + self.bad:,} images; each is named above", file=sys.stderr)
        for warning, count in self.warnings.items():
            print(f"{count:,} of {self.images:,} images: {WORDS[warning]} (warning {warning!r} in the file)")
