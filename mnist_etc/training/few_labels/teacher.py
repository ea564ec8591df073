"""What teaches the network: a regression on features, a graph of neighbours where labels are few, and itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["agreed", "regression"]

Array = npt.NDArray[np.float32]
STRENGTH = 100.0
"""Inverse of the regularization, of features whose mean square is 1 in all."""


def regression(
    features: Array, asked: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], classes: int, strength: float = STRENGTH
) -> Array:
    """Probabilities ``(n, classes)`` by scikit-learn's logistic regression on the asked images.

    A class of which no label is known has probability 0.

    Args:
        features: of all images, ``(n, d)``.
        asked: places ``(m,)`` of those whose labels are known.
        labels: ``(m,)``.
        classes: how many there are.
        strength: inverse of the regularization.
    """
    from sklearn.linear_model import LogisticRegression

    probabilities = np.zeros((len(features), classes), np.float32)
    known = np.unique(labels)
    if len(known) < 2:
        probabilities[:, known] = 1
        return probabilities
    model = LogisticRegression(C=strength, max_iter=1000, tol=1e-3).fit(features[asked], labels)
    probabilities[:, known] = model.predict_proba(features)
    return probabilities


def agreed(probabilities: Sequence[Array], shares: Sequence[float]) -> Array:
    """The geometric mean of several teachers' probabilities, each counting by its share; their rows sum to 1."""
    logs = sum(share * np.log(np.maximum(one, 1e-7)) for one, share in zip(probabilities, shares, strict=True))
    raised = np.exp(logs - np.max(logs, axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)
