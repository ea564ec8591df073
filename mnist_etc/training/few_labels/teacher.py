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
STRENGTH = 30.0
"""Inverse of the regularization."""
NARROWNESS = 0.5
"""Of the kernel: what a squared distance counts, as a part of the mean square of the features."""
LANDMARKS = 1000
"""Images that the kernel is approximated by, at most."""
PART = 4096
"""Images at a time."""
SOME = 5
"""Labels a class from which on Laplace learning does better than Poisson learning."""


class Regression:
    """Scikit-learn's logistic regression on the images whose labels are known, by their likeness to some of them.

    That is a Gaussian kernel on the features, approximated after Nyström (Williams, Seeger 2000).

    Args:
        features: of those images, ``(m, d)``.
        labels: ``(m,)``.
        classes: how many there are; one of which no label is known has probability 0.
    """

    def __init__(self, features: Array, labels: Numbers, classes: int) -> None:
        from sklearn.kernel_approximation import Nystroem
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        self._classes, self._known = classes, np.unique(labels)
        self._model: Any = None
        if len(self._known) > 1:
            gamma = NARROWNESS / np.square(features).sum(axis=1).mean(dtype=np.float64)
            likeness = Nystroem(gamma=gamma, n_components=min(len(features), LANDMARKS), random_state=0)
            regression = LogisticRegression(C=STRENGTH, max_iter=1000, tol=1e-3)
            self._model = make_pipeline(likeness, regression).fit(features, labels)

    def of(self, features: Array) -> Array:
        """Probabilities ``(n, classes)``."""
        probabilities = np.zeros((len(features), self._classes), np.float32)
        if self._model is None:
            probabilities[:, self._known] = 1
            return probabilities
        for first in range(0, len(features), PART):
            part = slice(first, first + PART)
            probabilities[part, self._known] = self._model.predict_proba(features[part])
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
