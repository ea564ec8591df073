"""Images that would move the classifier far, each another way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_etc.labels.strategies.pool import Choice, Pool

__all__ = ["choose"]


def choose(pool: Pool, k: int) -> Choice:
    """BADGE (Ash et al. 2020, arXiv:1906.03671): k-means++ seeding on the gradients of the last layer.

    A gradient is the outer product of the probabilities, less 1 at the likeliest class, and the features. Distances
    come from the two factors, so memory holds no gradient: scikit-activeml's own would take 1.4 GB for 60,000
    images of 300 features. A score is the squared distance to the nearest image chosen before.
    """
    generator, left = pool.generator(), pool.left
    errors = np.asarray(pool.belief()[left], dtype=np.float64)
    errors[np.arange(len(left)), errors.argmax(axis=1)] -= 1
    features = pool.features[left]
    squares = np.square(errors).sum(axis=1) * np.square(features).sum(axis=1, dtype=np.float64)
    gaps = squares.copy()
    chosen: list[int] = []
    scores: list[float] = []
    for _ in range(k):
        place = int(np.argmax(gaps)) if not chosen else _draw(gaps, chosen, generator)
        chosen.append(place)
        scores.append(float(gaps[place]))
        products = (errors @ errors[place]) * (features @ features[place])
        gaps = np.minimum(gaps if len(chosen) > 1 else np.inf, squares + squares[place] - 2 * products).clip(0)
        gaps[chosen] = 0
    return Choice(indices=left[chosen], scores=np.array(scores, dtype=np.float64))


def _draw(gaps: NDArray[np.float64], chosen: list[int], generator: np.random.Generator) -> int:
    """One by its share of ``gaps``; where all are zero, any not chosen yet."""
    shares = gaps
    if gaps.sum() <= 0:
        shares = np.ones(len(gaps))
        shares[chosen] = 0
    return int(generator.choice(len(gaps), p=shares / shares.sum()))
