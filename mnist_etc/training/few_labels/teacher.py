"""What teaches the network: a regression on features, a graph of neighbours where labels are few, and itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Regression", "agreed"]

Array = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
STRENGTH = 10.0
"""Inverse of the regularization, of features whose squares sum to 1."""
FAINTEST = 1e-7
"""Probability that counts as none."""


class Regression:
    """Scikit-learn's logistic regression on the images whose labels are known.

    Args:
        features: of those images, ``(m, d)``.
        labels: ``(m,)``.
        classes: how many there are; one of which no label is known has probability 0.
    """

    def __init__(self, features: Array, labels: Numbers, classes: int, strength: float = STRENGTH) -> None:
        from sklearn.linear_model import LogisticRegression

        self._classes, self._known = classes, np.unique(labels)
        self._model: Any = None
        if len(self._known) > 1:
            self._model = LogisticRegression(C=strength, max_iter=1000, tol=1e-3).fit(features, labels)

    def of(self, features: Array) -> Array:
        """Probabilities ``(n, classes)``."""
        probabilities = np.zeros((len(features), self._classes), np.float32)
        probabilities[:, self._known] = 1 if self._model is None else self._model.predict_proba(features)
        return probabilities


def agreed(probabilities: Sequence[Array], shares: Sequence[float]) -> Array:
    """The geometric mean of several teachers' probabilities, each counting by its share; its rows sum to 1."""
    logs = sum(share * np.log(np.maximum(one, FAINTEST)) for one, share in zip(probabilities, shares, strict=True))
    raised = np.exp(logs - np.max(logs, axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)
