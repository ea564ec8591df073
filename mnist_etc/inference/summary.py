"""What a classification came to: accuracy, speed, warnings."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.dataset import CLASSES
from mnist_etc.data.inputs import EMPTY, SEVERAL, Batch

__all__ = ["UNFAMILIAR", "Summary"]

UNFAMILIAR = "unfamiliar"
"""Warning: the image is far from what the model was trained on."""
WORDS = {
    EMPTY: "no figure was found, so there is no answer",
    UNFAMILIAR: "far from the training data, so the answer means little",
    SEVERAL: "several figures were found, the main one is answered; split=true answers each",
}


@dataclass
class Summary:
    """Counts over the images so far."""

    correct: NDArray[np.int64] = field(default_factory=lambda: np.zeros(CLASSES, np.int64))
    """Images of each label that were predicted as it."""
    labeled: NDArray[np.int64] = field(default_factory=lambda: np.zeros(CLASSES, np.int64))
    """Images of each label."""
    warnings: Counter[str] = field(default_factory=Counter)
    images: int = 0
    bad: int = 0
    """Images that could not be read."""
    seconds: float = 0.0
    """Time spent in the model, reading and writing not counted."""

    def add(self, batch: Batch, predicted: NDArray[np.int64], seconds: float) -> None:
        """Count one batch, whose predicted classes are ``(n,)`` and took the model ``seconds``."""
        self.images += len(batch.images)
        self.bad += len(batch.failures)
        self.seconds += seconds
        self.warnings.update(filter(None, batch.warnings))
        if batch.labels is not None:
            known = batch.labels >= 0
            met = known & (batch.labels == predicted) & (np.array(batch.warnings) != EMPTY)
            self.labeled += np.bincount(batch.labels[known], minlength=CLASSES)
            self.correct += np.bincount(batch.labels[met], minlength=CLASSES)

    def show(self) -> None:
        """Print accuracy, accuracy by class, images per second and the warnings."""
        labeled = int(self.labeled.sum())
        if labeled:
            print(f"accuracy {self.correct.sum() / labeled:.4f} on {labeled:,} images")
            for label, (correct, count) in enumerate(zip(self.correct, self.labeled, strict=True)):
                print(f"  class {label}: " + (f"{correct / count:.4f} of {count:,}" if count else "no image"))
        else:
            print("accuracy unknown: no labels with these images")
        print(f"{self.images:,} images at {self.images / self.seconds:,.0f} images/s")
        if self.bad:
            print(f"skipped {self.bad:,} of {self.images + self.bad:,} images; each is named above", file=sys.stderr)
        for warning, count in self.warnings.items():
            print(f"{count:,} of {self.images:,} images: {WORDS[warning]} (warning {warning!r} in the file)")
