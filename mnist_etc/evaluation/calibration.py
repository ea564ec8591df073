"""How far what a model says of its chances is from how often it is right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["expected_calibration_error"]

BINS = 15


def expected_calibration_error(answers: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Mean distance between the greatest value and how often its class is right, over 15 bins (Guo et al. 2017).

    Args:
        answers: ``(n, classes)``, probabilities.
        labels: ``(n,)``.
    """
    top, right = answers.max(axis=1), answers.argmax(axis=1) == labels
    place = np.minimum((top * BINS).astype(int), BINS - 1)
    gaps = np.bincount(place, top - right, BINS)
    return float(np.abs(gaps).sum() / len(labels))
