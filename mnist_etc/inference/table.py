"""The rows of ``..._inference.csv``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.inputs import EMPTY, Batch

__all__ = ["Row", "rows"]


class Row(NamedTuple):
    """One image and its answer; what is unknown is empty."""

    name: str
    predicted: str
    probability: str
    label: str
    warning: str
    distance: str

    def __str__(self) -> str:
        """Format the row for a terminal: ``photo.png: 7 (0.98), several``."""
        answer = f"{self.predicted} ({float(self.probability):.2f})" if self.predicted else ""
        return f"{self.name}: " + ", ".join(filter(None, (answer, self.warning)))


def rows(batch: Batch, probabilities: NDArray[np.float32], distances: NDArray[np.float64] | None) -> list[Row]:
    """Make a row of each image of ``batch``.

    Args:
        batch: The images, ``n`` of them.
        probabilities: Their class probabilities, ``(n, 10)``.
        distances: Their distances from the training data, ``(n,)``, or None where nobody knows them.
    """
    labels = [-1] * len(batch.names) if batch.labels is None else batch.labels.tolist()
    far = [""] * len(batch.names) if distances is None else [f"{distance:.3f}" for distance in distances]
    predicted, best = probabilities.argmax(axis=1).tolist(), probabilities.max(axis=1).tolist()
    return [
        Row(
            name,
            "" if warning == EMPTY else str(digit),
            "" if warning == EMPTY else f"{probability:.6f}",
            "" if label < 0 else str(label),
            warning,
            distance,
        )
        for name, digit, probability, label, warning, distance in zip(
            batch.names, predicted, best, labels, batch.warnings, far, strict=True
        )
    ]
