"""What teaches the network: a regression on features, a graph of neighbours where labels are few, and itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_etc.labels.spreading import Graph, laplace, poisson, poisson_mbo

__all__ = ["Regression", "agreed", "spread"]

Array = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
STRENGTH = 10.0
"""Inverse of the regularization, of features whose squares sum to 1."""
SOME = 5
"""Labels a class from which on Laplace learning does better than Poisson learning."""


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


def spread(graph: Graph, asked: Numbers, labels: Numbers, classes: int, *, balanced: bool) -> Array:
    """Probabilities ``(n, classes)`` from the labels along the graph, by what holds where there are so few.

    Args:
        graph: of all images.
        asked: places ``(m,)`` of those whose labels are known.
        labels: ``(m,)``.
        classes: how many there are.
        balanced: they are known to be of equal size: Poisson MBO, else Laplace learning or, below `SOME` labels a
            class, Poisson learning.
    """
    if balanced:
        told = poisson_mbo(None, asked, labels, classes, priors=np.full(classes, 1 / classes), graph=graph)
    else:
        told = (laplace if len(asked) >= SOME * classes else poisson)(None, asked, labels, classes, graph=graph)
    return np.asarray(told, np.float32)


def agreed(probabilities: Sequence[Array]) -> Array:
    """The mean of several teachers' probabilities ``(n, classes)``."""
    return np.asarray(np.mean(probabilities, axis=0), np.float32)
