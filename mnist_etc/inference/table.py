"""The rows of ``..._inference.csv``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.dataset import DIGITS
from mnist_etc.data.inputs import EMPTY, Batch

__all__ = ["HEADER", "Row", "rows"]


class Row(NamedTuple):
    """One image and its answer; what is unknown is empty."""

    name: str
    predicted: str
    """The name of the class."""
    class_: str
    """Its number."""
    probability: str
    label: str
    warning: str
    distance: str

    def __str__(self) -> str:
        """Format the row for a terminal: ``photo.png: 7 (0.98), several``."""
        answer = f"{self.predicted} ({float(self.probability):.2f})" if self.predicted else ""
        return f"{self.name}: " + ", ".join(filter(None, (answer, self.warning)))


HEADER = tuple(field.rstrip("_") for field in Row._fields[1:])
"""Names of the columns after the first, which is named by what the names of the images are."""


def rows(
    batch: Batch,
    probabilities: NDArray[np.float32],
    distances: NDArray[np.float64] | None,
    names: Sequence[str] = DIGITS,
) -> list[Row]:
    """Make a row of each image of ``batch``.

    Args:
        batch: The images, ``n`` of them.
        probabilities: Their class probabilities, ``(n, classes)``.
        distances: Their distances from the training data, ``(n,)``, or None where nobody knows them.
        names: Of the classes.
    """
    labels = [-1] * len(batch.names) if batch.labels is None else batch.labels.tolist()
    far = [""] * len(batch.names) if distances is None else [f"{distance:.3f}" for distance in distances]
    predicted, best = probabilities.argmax(axis=1).tolist(), probabilities.max(axis=1).tolist()
    return [
        Row(
            name,
            "" if warning == EMPTY else names[number],
            "" if warning == EMPTY else str(number),
            "" if warning == EMPTY else f"{probability:.6f}",
            "" if label < 0 else names[label],
            warning,
            distance,
        )
        for name, number, probability, label, warning, distance in zip(
            batch.names, predicted, best, labels, batch.warnings, far, strict=True
        )
    ]
