"""What strategies share: clusters of the images, and the best of a list of scores."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_etc.labels.strategies.pool import Choice, Pool

__all__ = ["Clusters", "highest", "make_clusters"]

SAMPLE, PER_CLUSTER = 20_000, 20
"""k-means sees a sample of so many images, or of so many a cluster where that is more; all are then assigned."""
ITERATIONS = 50


@dataclass(frozen=True, eq=False)
class Clusters:
    """A partition of images by k-means."""

    members: NDArray[np.int64]
    """``(n,)``: the cluster of each image."""
    distances: NDArray[np.float64]
    """``(n,)``: how far each is from the center of its cluster."""
    count: int
    """Of clusters; some may be empty."""

    def by_size(self) -> NDArray[np.int64]:
        """The clusters, the largest first."""
        return np.argsort(-np.bincount(self.members, minlength=self.count), kind="stable")


def make_clusters(
    features: NDArray[np.float32],
    count: int,
    generator: np.random.Generator,
    weights: NDArray[np.float64] | None = None,
) -> Clusters:
    """Lloyd's k-means from one k-means++ start (scikit-learn), on a sample where there are many images.

    Args:
        features: ``(n, d)``.
        count: of clusters; at most n.
        generator: draws the sample and the start.
        weights: ``(n,)``, how much each image pulls the centers.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import pairwise_distances_argmin_min

    size = min(len(features), max(SAMPLE, PER_CLUSTER * count))
    sample = generator.choice(len(features), size, replace=False)
    means = KMeans(count, n_init=1, max_iter=ITERATIONS, random_state=int(generator.integers(2**31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # images that are alike: some clusters stay empty
        means.fit(features[sample], sample_weight=None if weights is None else weights[sample])
    members, distances = pairwise_distances_argmin_min(features, means.cluster_centers_)
    return Clusters(members.astype(np.int64), distances.astype(np.float64), count)


def highest(pool: Pool, scores: NDArray[np.float64], k: int) -> Choice:
    """The ``k`` images with the highest of ``scores``, ``(n,)``, among those left; of equal ones the first."""
    left = pool.left
    best = left[np.argsort(-scores[left], kind="stable")[:k]]
    return Choice(indices=best, scores=scores[best])
