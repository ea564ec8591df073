"""How often a model is right where it is so sure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "Reliability", "expected_calibration_error"]

BINS = 15


@dataclass(frozen=True, kw_only=True, eq=False)
class Reliability:
    """Images by the probability of the class that was predicted, in 15 bins of the same width (Guo et al. 2017)."""

    images: NDArray[np.int64]
    """In each bin, ``(15,)``."""
    confidence: NDArray[np.float64]
    """Their mean probability; NaN in a bin without images."""
    accuracy: NDArray[np.float64]
    """The fraction of them that is right; NaN likewise."""
    error: float
    """The expected calibration error: the mean distance of both over all images (arXiv:1706.04599, equation 3)."""

    @classmethod
    def of(cls, probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> Reliability:
        """Hold ``probabilities`` ``(n, classes)`` against ``labels`` ``(n,)``."""
        top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
        place = np.minimum((top * BINS).astype(int), BINS - 1)
        images = np.bincount(place, minlength=BINS)
        sums = (np.bincount(place, values, BINS) for values in (top, right))
        confidence, accuracy = (np.where(images > 0, total / np.maximum(images, 1), np.nan) for total in sums)
        error = float(np.abs(np.bincount(place, top - right, BINS)).sum() / len(labels))
        return cls(images=images, confidence=confidence, accuracy=accuracy, error=error)


def expected_calibration_error(answers: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Mean distance between the greatest value and how often its class is right; see `Reliability`.

    Args:
        answers: ``(n, classes)``, probabilities.
        labels: ``(n,)``.
    """
    return Reliability.of(answers, labels).error
