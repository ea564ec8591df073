"""The images that the classifier is least sure of: entropy, margin and least confidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_etc.labels.strategies.clusters import highest
from mnist_etc.labels.strategies.pool import Choice, Pool

__all__ = ["by_entropy", "by_least_confidence", "by_margin", "margins"]


def by_entropy(pool: Pool, k: int) -> Choice:
    """The largest entropies of the probabilities, in nats (Settles 2009, section 3.1)."""
    return highest(pool, _scores(pool.belief(), "entropy"), k)


def by_margin(pool: Pool, k: int) -> Choice:
    """The smallest differences of the two largest probabilities (Scheffer, Decomain and Wrobel 2001); 1 less them."""
    return highest(pool, 1 - margins(pool.belief()), k)


def by_least_confidence(pool: Pool, k: int) -> Choice:
    """The smallest largest probabilities (Lewis and Gale 1994); 1 less them."""
    return highest(pool, _scores(pool.belief(), "least_confident"), k)


def margins(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """The largest probability of each row less the second largest, ``(n,)``."""
    return 1 - _scores(probabilities, "margin_sampling")


def _scores(probabilities: NDArray[np.float32], method: str) -> NDArray[np.float64]:
    """scikit-activeml's, of rows brought to the sum of 1 in float64, as it demands."""
    from skactiveml.pool import uncertainty_scores

    rows = np.asarray(probabilities, dtype=np.float64)
    scores: NDArray[np.float64] = uncertainty_scores(rows / rows.sum(axis=1, keepdims=True), method=method)
    return scores
